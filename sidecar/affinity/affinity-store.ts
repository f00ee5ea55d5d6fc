import type { RedisClient } from '../../proto/redis/redis-client.ts';
import { REDIS } from '../../proto/wire.ts';
import { StoreError } from '../session/store-error.ts';
import type { AffinityKey } from './affinity-key.ts';

/** Where gateways share which slot holds what. Everything throws StoreError. */
export interface AffinityStore {
  get(server: string, key: AffinityKey): Promise<string | null>;
  set(server: string, key: AffinityKey, slot: string, ttlSeconds: number): Promise<void>;
  /** ms that an answer took. */
  ping(): Promise<number>;
}

/** The one file of this folder that speaks to Redis. The client stays the caller's. */
export function redisAffinityStore(client: Pick<RedisClient, 'get' | 'set' | 'ping'>): AffinityStore {
  const asked = async <T>(pending: Promise<T>): Promise<T> => {
    try {
      return await pending;
    } catch (cause) {
      throw StoreError.from(cause);
    }
  };
  return {
    get: (server, { kind, digest }) => asked(client.get(REDIS.affinity(server, kind, digest))),
    async set(server, { kind, digest }, slot, ttlSeconds) {
      await asked(client.set(REDIS.affinity(server, kind, digest), slot, 'EX', ttlSeconds));
    },
    async ping() {
      const startedMs = performance.now();
      await asked(client.ping());
      return performance.now() - startedMs;
    },
  };
}
