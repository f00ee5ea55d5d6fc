import { createMemoryStore, MemoryBacking } from '../memory-store.ts';
import { connectRedis, whenReady, type RedisClient } from '../../../proto/redis/redis-client.ts';
import { REDIS } from '../../../proto/wire.ts';
import { startRealRedis, startRealRedisCluster, type RealRedis } from './real-redis.ts';
import { doorName } from '../../../proto/compact-record.ts';
import type { RecordForm } from '../record-arguments.ts';
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

const opened = new Map<RedisClient, Map<string, [SessionStore, SessionStore]>>();
export async function stopStores(context: Partial<StoreContext>): Promise<void> {
  for (const store of [...opened.values()].flatMap((stores) => [...stores.values()]).flat()) await store.close();
  await context.redis?.dispose();
  await context.cluster?.dispose();
}

/** Two stores as two gateways see them, over one Redis or one piece of memory. */
const over = (
  clients: readonly [RedisClient, RedisClient],
  forms: readonly [RecordForm, RecordForm] = ['plain', 'plain'],
): [SessionStore, SessionStore] => {
  const key = forms.join(' '),
    known = opened.get(clients[0]) ?? new Map<string, [SessionStore, SessionStore]>();
  const open = (which: 0 | 1): SessionStore =>
    createRedisStore(clients[which], { nodeId: `g${which + 1}`, form: () => forms[which] });
  const stores = known.get(key) ?? [open(0), open(1)];
  opened.set(clients[0], known.set(key, stores));
  return stores;
};
/** Lets time pass for some records of `linear`. */
export type Age = (digests: readonly string[], ms: number) => Promise<void>;
const ageBy =
  (client: RedisClient): Age =>
  async (digests, ms) => {
    for (const digest of digests)
      for (const key of [REDIS.session('linear', digest), REDIS.door('linear', doorName(digest))])
        if ((await client.exists(key)) === 1) await client.pexpire(key, (await client.pttl(key)) - ms);
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
  'Redis, compact': ({ client, second }) => [...over([client, second], ['compact', 'compact']), ageBy(client)],
  // In the middle of a rollout of `sessionStore.records`.
  'Redis, plain and compact': ({ client, second }) => [...over([client, second], ['plain', 'compact']), ageBy(client)],
  'Redis, compact and plain': ({ client, second }) => [...over([client, second], ['compact', 'plain']), ageBy(client)],
  'Redis Cluster': ({ clustered }) => [...over(clustered), ageBy(clustered[0])],
  'Redis Cluster, compact': ({ clustered }) => [...over(clustered, ['compact', 'compact']), ageBy(clustered[0])],
  memory: inMemory,
};
