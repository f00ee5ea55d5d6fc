import test from 'ava';
import { connectRedis, whenReady } from '../../proto/redis/redis-client.ts';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { createSessionDirectory } from './cached-directory.ts';
import { startRealRedis } from './testing/real-redis.ts';
import { createRedisStore } from './redis-store.ts';
import { sampleRecord } from './testing/sample-record.ts';

/** Ways in which a Redis answers, and refuses what it is for; each with what ends it. */
const WAYS: { title: string; refuse: string[][]; accept: string[][]; args?: string[] }[] = [
  {
    title: 'it is full',
    refuse: [['CONFIG', 'SET', 'maxmemory', '1']],
    accept: [['CONFIG', 'SET', 'maxmemory', '0']],
  },
  {
    title: 'it is a replica, after a failover',
    refuse: [['REPLICAOF', '127.0.0.1', '1']],
    accept: [['REPLICAOF', 'NO', 'ONE']],
    args: ['--replica-serve-stale-data', 'yes'],
  },
  {
    title: 'it lacks its replicas',
    refuse: [['CONFIG', 'SET', 'min-replicas-to-write', '1']],
    accept: [['CONFIG', 'SET', 'min-replicas-to-write', '0']],
  },
  {
    title: 'its user may not write',
    refuse: [['ACL', 'SETUSER', 'default', '-@write', '-eval', '-evalsha']],
    accept: [['ACL', 'SETUSER', 'default', '+@all']],
  },
];

for (const { title, refuse, accept, args } of WAYS) {
  test.serial(`${title}: a session that was not written is nowhere unknown, and is written afterwards`, async (t) => {
    const redis = await startRealRedis(args);
    t.teardown(redis.dispose);
    const operator = connectRedis(redis.url);
    await whenReady(operator, 5000);
    const run = async (commands: string[][]): Promise<void> => {
      for (const [name = '', ...rest] of commands) await operator.call(name, ...rest);
    };
    const node = async (nodeId: string) => {
      const client = connectRedis(redis.url);
      await whenReady(client, 5000);
      const store = createRedisStore(client, { nodeId }),
        states: unknown[] = [],
        directory = createSessionDirectory({ store, nodeId, ttlSeconds: () => 3600 });
      directory.on('store', (state) => states.push(state));
      t.teardown(async () => {
        await directory.close();
        await store.close();
      });
      return { directory, states };
    };
    const began = await node('gateway-1'),
      other = await node('gateway-2'),
      record = sampleRecord({ digest: 'a'.repeat(64), lastActivityMs: Date.now() });
    t.deepEqual(await other.directory.find(record.server, 'b'.repeat(64)), { kind: 'unknown' });
    await run(refuse);
    t.is(await began.directory.remember(record), 'local');
    t.deepEqual(began.states, [{ isReachable: false, reason: 'unusable' }]);
    // What was confirmed a moment ago counts for a quarter of a second.
    await waitFor(async () => (await other.directory.find(record.server, record.digest)).kind === 'unsure', {
      what: 'the other node to be unsure',
      timeoutMs: 10_000,
    });
    t.is((await began.directory.find(record.server, record.digest)).kind, 'live');
    await run(accept);
    await waitFor(async () => (await other.directory.find(record.server, record.digest)).kind === 'live', {
      what: 'the session to be written',
      timeoutMs: 10_000,
    });
    await waitFor(() => began.directory.isStoreReachable && other.directory.isStoreReachable, {
      what: 'both to say that the store is back',
      timeoutMs: 10_000,
    });
    t.deepEqual(await other.directory.find(record.server, 'b'.repeat(64)), { kind: 'unknown' });
    operator.disconnect();
  });
}
