import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { Redis } from 'ioredis';
import { connectRedis, RedisUrlError, whenReady } from '../../proto/redis/redis-client.ts';
import { redactUrl } from '../../proto/redact-url.ts';
import type { Tools } from './command.ts';
import { CliError, EXIT, usageError } from './exit-code.ts';
import { configFileOf } from './settings.ts';

const READY_MS = 5000;

/**
 * Runs `work` with a connection to the Redis that `--url`, SESSION_STORE_URL or the configuration file names, and ends the connection. `readyMs`: how long
 * Redis may take to answer.
 */
export async function withRedis<T>(
  tools: Tools,
  url: string | undefined,
  work: (redis: Redis) => Promise<T>,
  readyMs = READY_MS,
): Promise<T> {
  const where =
    url ??
    tools.env['SESSION_STORE_URL'] ??
    urlOfFile(configFileOf(tools.options, tools.env)) ??
    'redis://127.0.0.1:6379';
  let client: ReturnType<typeof connectRedis>;
  try {
    // A restore is one transaction of every key: longer than any command of the data path.
    client = connectRedis(where, { name: 'holdfast-cli', commandTimeoutMs: 60_000, maxReplyBytes: Infinity });
  } catch (error) {
    if (error instanceof RedisUrlError) throw usageError(error.message);
    throw error;
  }
  try {
    if (!(client instanceof Redis))
      throw usageError(
        'backups of a Redis Cluster are taken node by node with its own tools; this command speaks to one primary',
      );
    if (!(await whenReady(client, readyMs)))
      throw new CliError(
        EXIT.unavailable,
        `Redis does not answer at ${redactUrl(where)}: say where it is with --url or SESSION_STORE_URL`,
      );
    return await work(client);
  } finally {
    client.disconnect();
  }
}

/** `sessionStore.url` of the file, if there is one; a bad file is `validate`'s business. */
function urlOfFile(file: string): string | undefined {
  try {
    const { sessionStore } = parseDocument(readFileSync(file, 'utf8')).toJS() as { sessionStore?: { url?: unknown } };
    return typeof sessionStore?.url === 'string' ? sessionStore.url : undefined;
  } catch {
    return undefined;
  }
}
