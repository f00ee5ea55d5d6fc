import { connectRedis, whenReady } from '../../proto/redis/redis-client.ts';
import { redactUrl } from '../../proto/redact-url.ts';

const TIMEOUT_MS = 3000;

/** Tries a Redis that somebody else runs. Returns what to tell the user when it does not answer; undefined when it does. */
export async function reachRedis(url: string): Promise<string | undefined> {
  const errors: Error[] = [];
  const client = connectRedis(url, { onError: (error) => errors.push(error) });
  try {
    if (await whenReady(client, TIMEOUT_MS)) return undefined;
    const why = errors.at(-1)?.message || `no answer within ${TIMEOUT_MS} ms`;
    return (
      `Redis at ${redactUrl(url)} can't be reached: ${why}. Start it, change SESSION_STORE_URL (in the file: sessionStore.url), ` +
      'or leave the URL out: then npm start brings a Redis of its own'
    );
  } finally {
    client.disconnect();
  }
}
