import type { Fetch } from './mcp-client.ts';

/** Fails on an answer that carries another session id than its request: official clients adopt whatever id an answer has. */
export const ownSessionFetch =
  (inner: Fetch = fetch): Fetch =>
  async (url, init) => {
    const answer = await inner(url, init);
    const own = new Headers(init?.headers).get('mcp-session-id');
    const told = answer.headers.get('mcp-session-id');
    if (own !== null && told !== null && told !== own)
      throw new Error(`an answer to session ${own} carries the session id ${told}`);
    return answer;
  };
