import type { Cluster, Redis } from 'ioredis';
import { REDIS } from '../../proto/wire.ts';
import type { Remaining } from './drain-progress.ts';

/** Sessions on a slot as the session store's index has them. Ones whose time to live has passed are not counted, though the index may still name them. */
export async function remainingSessions(
  redis: Pick<Redis | Cluster, 'zcount' | 'zrevrange'>,
  server: string,
  slot: string,
  sessionTtlSeconds: number,
  now: number,
): Promise<Omit<Remaining, 'inFlight'>> {
  const key = REDIS.slotIndex(server, slot);
  const [sessions, newest] = await Promise.all([
    redis.zcount(key, now - sessionTtlSeconds * 1000, '+inf'),
    redis.zrevrange(key, 0, 0, 'WITHSCORES'),
  ]);
  return { sessions, lastActivityMs: newest[1] === undefined ? null : Number(newest[1]) };
}
