import { Redis } from 'ioredis';
import type { RedisClient } from '../../proto/redis/redis-client.ts';
import { REDIS } from '../../proto/wire.ts';

/** The heartbeats of all gateway nodes that Redis holds now. In a cluster each primary is asked for its own keys. */
export async function readHeartbeats(redis: RedisClient): Promise<string[]> {
  const found: string[] = [];
  for (const node of redis instanceof Redis ? [redis] : redis.nodes('master')) {
    let cursor = '0';
    do {
      const [next, keys] = await node.scan(cursor, 'MATCH', REDIS.gateway('*'), 'COUNT', 500);
      cursor = next;
      // One by one: keys of a cluster may not be asked for together.
      for (const key of keys) found.push((await redis.get(key).catch(emptyIfRefused)) ?? '');
    } while (cursor !== '0');
  }
  return found.filter((text) => text !== '');
}

/** A key of another type is nobody's heartbeat; it must not hide the others'. Any other failure means that Redis can't be read. */
function emptyIfRefused(error: Error): string {
  if (error.message.startsWith('WRONGTYPE')) return '';
  throw error;
}
