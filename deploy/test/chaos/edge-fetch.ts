import type { Fetch } from '../clients/mcp-client.ts';

const NOT_CONNECTED = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH']);
const codeOf = (error: unknown): string | undefined => {
  const cause = (error as { cause?: { code?: string; errors?: { code?: string }[] } }).cause;
  return cause?.code ?? cause?.errors?.[0]?.code;
};

/**
 * What a plain balancer before the gateway nodes does. Each request goes to the next node in turn, and to the one after
 * it when nobody listens there. A request that was sent is never sent again.
 */
export function edgeFetch(origins: readonly string[], startAt = 0, inner: Fetch = fetch): Fetch {
  let turn = startAt;
  return async (url, init) => {
    const { pathname, search } = new URL(url);
    const first = turn++; // Others take their turn meanwhile.
    for (let tries = 1; ; tries++) {
      try {
        return await inner(new URL(pathname + search, origins[(first + tries - 1) % origins.length]), init);
      } catch (error) {
        if (tries >= origins.length || !NOT_CONNECTED.has(codeOf(error) ?? '')) throw error;
      }
    }
  };
}
