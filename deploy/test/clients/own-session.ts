import type { Fetch } from './mcp-client.ts';

/** What a client calls its session in requests through Envoy, and in requests straight to a relay. */
const OWN = { envoy: ['mcp-session-id'], relay: ['x-holdfast-session', 'mcp-session-id'] };

/** What is wrong with an answer's session id; null: nothing. Who has no session yet takes any: `initialize` begins one. */
export const foreignSession = (own: unknown, told: unknown): string | null =>
  typeof own === 'string' && typeof told === 'string' && told !== own
    ? `an answer to session ${own} carries the session id ${told}`
    : null;

/** Fails on an answer that carries another session id than its request: official clients adopt whatever id an answer has. */
export const ownSessionFetch =
  (inner: Fetch = fetch, before: keyof typeof OWN = 'envoy'): Fetch =>
  async (url, init) => {
    const answer = await inner(url, init);
    const asked = new Headers(init?.headers);
    const own = OWN[before].map((name) => asked.get(name)).find((id) => id !== null);
    const wrong = foreignSession(own, answer.headers.get('mcp-session-id'));
    if (wrong !== null) throw new Error(wrong);
    return answer;
  };
