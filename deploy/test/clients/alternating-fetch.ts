import type { Fetch } from './mcp-client.ts';

/**
 * A fetch that sends each request to the next origin in turn, path and query kept. So one client uses several gateway
 * nodes, as behind a balancer without stickiness.
 */
export function alternatingFetch(origins: readonly string[], inner: Fetch = fetch): Fetch & { sent: number[] } {
  if (origins.length === 0) throw new Error('alternatingFetch needs at least one origin');
  const sent = origins.map(() => 0);
  let turn = 0;
  const alternating = (url: string | URL, init?: RequestInit): Promise<Response> => {
    const index = turn++ % origins.length;
    sent[index]! += 1;
    const { pathname, search } = new URL(url);
    return inner(new URL(pathname + search, origins[index]), init);
  };
  return Object.assign(alternating, { sent });
}
