import type { ServerTopology } from '../topology/topology.ts';

/** Where a new session goes, in words. */
export function placement({ endpoints }: ServerTopology): string {
  const taking = endpoints.filter(({ weight }) => weight > 0);
  if (taking.length === 0)
    return 'no replica at all: none takes new sessions now, so it is answered 503 with Retry-After';
  const shares = new Map<string, number>();
  for (const { backend, weight } of taking) shares.set(backend, (shares.get(backend) ?? 0) + weight / 100);
  const backends =
    shares.size > 1 ? ` (${[...shares].map(([name, share]) => `${Math.round(share)} % ${name}`).join(', ')})` : '';
  return `the least busy of ${taking.map(({ replica }) => replica).join(', ')}${backends}`;
}
