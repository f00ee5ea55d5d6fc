import type { DrainTarget } from './drain.ts';

interface Replica {
  server: string;
  address: string;
  isHealthy: boolean;
}

/** What is there, and what of it is drained by now, the target included. */
interface Rest {
  replicas: readonly Replica[];
  drainedAddresses: ReadonlySet<string>;
  gateways: readonly string[];
  drainedGateways: ReadonlySet<string>;
}

/** What clients will notice of a drain, because nothing is left that could take over. Null while something else takes new sessions. */
export function drainWarning(target: DrainTarget, rest: Rest): string | null {
  if (target.kind === 'gateway')
    return rest.gateways.every((each) => rest.drainedGateways.has(each))
      ? 'no other gateway is left: clients reach no server until one is back'
      : null;
  const takesOver = ({ server, isHealthy, address }: Replica): boolean =>
    server === target.server && isHealthy && !rest.drainedAddresses.has(address);
  return rest.replicas.some(takesOver)
    ? null
    : `no other healthy replica of ${target.server} is left: new sessions are refused, and those on it have nowhere to move`;
}
