import { createMemoryStore, MemoryBacking } from '../memory-store.ts';
import { connectRedis, whenReady, type RedisClient } from '../../../proto/redis/redis-client.ts';
import { REDIS } from '../../../proto/wire.ts';
import { startRealRedis, startRealRedisCluster, type RealRedis } from './real-redis.ts';
import { createRedisStore } from '../redis-store.ts';
import type { SessionStore } from '../session-store.ts';

/** However busy the machine is: what Redis does is tested here, not how fast. */
const PATIENT = { commandTimeoutMs: 30_000 };
export interface StoreContext {
  redis: RealRedis;
  cluster: { url: string; dispose(): Promise<void> };
  client: RedisClient;
  second: RedisClient;
  clustered: [RedisClient, RedisClient];
}

/** A Redis and a Redis Cluster, with two clients each; `startStores` before the tests of a file, `stopStores` after them. */
export async function startStores(): Promise<StoreContext> {
  const redis = await startRealRedis();
  const cluster = await startRealRedisCluster();
  const client = connectRedis(redis.url, PATIENT),
    second = connectRedis(redis.url, PATIENT);
  const clustered: [RedisClient, RedisClient] = [
    connectRedis(cluster.url, PATIENT),
    connectRedis(cluster.url, PATIENT),
  ];
  await Promise.all([client, second, ...clustered].map((each) => whenReady(each, 60_000)));
  return { redis, cluster, client, second, clustered };
}

const opened = new Map<RedisClient, [SessionStore, SessionStore]>();
export async function stopStores(context: Partial<StoreContext>): Promise<void> {
  for (const store of [...opened.values()].flat()) await store.close();
  await context.redis?.dispose();
  await context.cluster?.dispose();
}

/** Two stores as two gateways see them, over one Redis or one piece of memory. */
const over = (clients: readonly [RedisClient, RedisClient]): [SessionStore, SessionStore] => {
  const stores = opened.get(clients[0]) ?? [
    createRedisStore(clients[0], { nodeId: 'g1' }),
    createRedisStore(clients[1], { nodeId: 'g2' }),
  ];
  opened.set(clients[0], stores);
  return stores;
};
/** Lets time pass for some records of `linear`. */
export type Age = (digests: readonly string[], ms: number) => Promise<void>;
const ageBy =
  (client: RedisClient): Age =>
  async (digests, ms) => {
    for (const key of digests.map((digest) => REDIS.session('linear', digest)))
      await client.pexpire(key, (await client.pttl(key)) - ms);
  };
function inMemory(): [SessionStore, SessionStore, Age] {
  const backing = new MemoryBacking();
  let passedMs = 0;
  const now = (): number => Date.now() + passedMs;
  return [
    createMemoryStore({ nodeId: 'g1', backing, now }),
    createMemoryStore({ nodeId: 'g2', backing, now }),
    async (_, ms) => {
      passedMs += ms;
    },
  ];
}
/** The stores that all tests of the contract run over. */
export const STORE_KINDS: Record<string, (context: StoreContext) => [SessionStore, SessionStore, Age]> = {
  Redis: ({ client, second }) => [...over([client, second]), ageBy(client)],
  'Redis Cluster': ({ clustered }) => [...over(clustered), ageBy(clustered[0])],
  memory: inMemory,
};
