import type { Fetch } from './mcp-client.ts';

/** Nobody listened, so nothing was sent. */
function isRefused(error: unknown): boolean {
  const cause = (error as { cause?: { code?: string; errors?: { code?: string }[] } }).cause;
  return (cause?.code ?? cause?.errors?.[0]?.code) === 'ECONNREFUSED';
}

/** What a client behind a name with two addresses does: the first while it listens, else the second. What was sent is never sent again. */
export function failoverFetch(origins: readonly [string, string], inner: Fetch = fetch): Fetch {
  let current = 0;
  return async (url, init) => {
    const { pathname, search } = new URL(url);
    try {
      return await inner(new URL(pathname + search, origins[current]), init);
    } catch (error) {
      if (!isRefused(error)) throw error;
      current = 1 - current;
      return inner(new URL(pathname + search, origins[current]), init);
    }
  };
}

/** As a balancer in front of gateways: a request goes on to the next one while nobody listens where it is for. */
export function refusedToNext(origins: readonly string[], inner: Fetch = fetch): Fetch {
  return async (url, init) => {
    const { origin, pathname, search } = new URL(url);
    const [next, ...others] = origins.filter((other) => new URL(other).origin !== origin);
    try {
      return await inner(url, init);
    } catch (error) {
      if (next === undefined || !isRefused(error)) throw error;
      return refusedToNext([next, ...others], inner)(new URL(pathname + search, next), init);
    }
  };
}
