import { connectRedis, whenReady, type RedisClient } from '../../proto/redis/redis-client.ts';
import { measureRedis } from '../metrics/measure-redis.ts';
import type { Identities } from '../principal/identities.ts';
import { FirstAnswer } from '../session/first-answer.ts';
import type { MeshSecret } from '../session/mesh-secret.ts';
import { openStore } from '../session/open-store.ts';
import type { SessionStore } from '../session/session-store.ts';
import type { Mesh } from './mesh.ts';
import type { Node } from './node.ts';

export interface Storage {
  /** Null with SESSION_STORE=memory. */
  redis: RedisClient | null;
  store: SessionStore;
  secret: MeshSecret;
  identities: Identities;
  /** Why Redis was never reached; null: it was, or there is none. */
  problem(): string | null;
}

const REDIS_WAIT_MS = 2000;

/** Redis, or this process's memory: where session records are kept. A Redis that does not answer yet holds nothing up for long. */
export async function openStorage(
  { settings, nodeId, metrics, log, failing }: Node,
  { server }: Pick<Mesh, 'server'>,
): Promise<Storage> {
  const { sessionStore } = settings.shared;
  const redis = sessionStore.type === 'redis' ? connectRedis(sessionStore.url, { name: `holdfast-${nodeId}` }) : null;
  if (redis) measureRedis(redis, metrics.links.redis);
  const firstAnswer = redis && new FirstAnswer(redis, log);
  if (redis && !(await whenReady(redis, REDIS_WAIT_MS)))
    log.warn('Redis does not answer yet; new sessions stay on this node until it does');
  return {
    redis,
    ...(await openStore(redis, nodeId, failing('background'), (name) =>
      server(name)?.policy.compactRecords ? 'compact' : 'plain',
    )),
    problem: () => firstAnswer?.problem ?? null,
  };
}
