import type { Fetch } from '../../clients/mcp-client.ts';

const codeOf = (error: unknown): string | undefined => {
  const cause = (error as { cause?: { code?: string; errors?: { code?: string }[] } }).cause;
  return cause?.code ?? cause?.errors?.[0]?.code;
};

/** What a client behind a name with two addresses does: the first while it listens, else the second. What was sent is never sent again. */
export function failoverFetch(origins: readonly [string, string], inner: Fetch = fetch): Fetch {
  let current = 0;
  return async (url, init) => {
    const { pathname, search } = new URL(url);
    try {
      return await inner(new URL(pathname + search, origins[current]), init);
    } catch (error) {
      if (codeOf(error) !== 'ECONNREFUSED') throw error;
      current = 1 - current;
      return inner(new URL(pathname + search, origins[current]), init);
    }
  };
}
