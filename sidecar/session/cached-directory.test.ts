import anyTest, { type TestFn } from 'ava';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { SessionRecord } from '../../proto/session-record.ts';
import { createSessionDirectory } from './cached-directory.ts';
import type { DirectoryOptions } from './directory-options.ts';
import { createMemoryStore, MemoryBacking } from './memory-store.ts';
import { startRealRedis, type RealRedis } from './testing/real-redis.ts';
import { connectRedis, whenReady } from '../../proto/redis/redis-client.ts';
import { createRedisStore } from './redis-store.ts';
import { sampleRecord } from './testing/sample-record.ts';
import type { DirectoryEvents, SessionDirectory } from './session-directory.ts';
import type { SessionStore } from './session-store.ts';
import { StoreError } from './store-error.ts';

const test = anyTest as TestFn<{ redis: RealRedis }>;
test.before(async (t) => {
  t.context.redis = await startRealRedis();
});
test.after.always(async (t) => {
  await t.context.redis?.dispose();
});

interface Node {
  directory: SessionDirectory;
  store: SessionStore;
  superseded: DirectoryEvents['superseded'][];
  close(): Promise<void>;
}
function nodeOver(store: SessionStore, nodeId: string, options: Partial<DirectoryOptions> = {}): Node {
  const directory = createSessionDirectory({ store, nodeId, ttlSeconds: () => 3600, ...options });
  const superseded: DirectoryEvents['superseded'][] = [];
  directory.on('superseded', (detail) => superseded.push(detail));
  return {
    directory,
    store,
    superseded,
    close: async () => {
      await directory.close();
      await store.close();
    },
  };
}
async function redisNode(redis: RealRedis, nodeId: string, options: Partial<DirectoryOptions> = {}): Promise<Node> {
  const client = connectRedis(redis.url, { commandTimeoutMs: 5000 });
  await whenReady(client, 60_000);
  return nodeOver(createRedisStore(client, { nodeId }), nodeId, options);
}
/** For what must be in Redis, however busy the machine is. */
const PATIENT = { writeLimitMs: 30_000, readLimitMs: 30_000 };
const fresh = (changes = {}) =>
  sampleRecord({ clientId: `1~${randomUUID()}`, createdAtMs: Date.now(), lastActivityMs: Date.now(), ...changes });
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition did not come true within 60 s');
    await delay(10);
  }
}

test.serial(
  'a session remembered by one node is found by another, which drops it when the first moves it',
  async (t) => {
    const a = await redisNode(t.context.redis, 'a', PATIENT),
      b = await redisNode(t.context.redis, 'b', PATIENT);
    t.teardown(() => Promise.all([a.close(), b.close()]).then(() => undefined));
    const record = fresh();
    t.is(await a.directory.remember(record), 'stored');
    t.like(await b.directory.find('linear', record.digest), { kind: 'live', record: { slot: '1' } });
    t.is(b.directory.counts('linear').get('1'), 1);
    t.like(await a.directory.move({ ...record, slot: '2', upstreamId: 'u2', epoch: 1 }, 0), {
      kind: 'moved',
      isDurable: true,
    });
    await until(async () => {
      const found = await b.directory.find('linear', record.digest);
      return found.kind === 'live' && found.record.slot === '2';
    });
    t.like(await b.directory.move({ ...record, slot: '3', epoch: 1 }, 0), {
      kind: 'conflict',
      record: { slot: '2', epoch: 1 },
    });
    await b.directory.tombstone('linear', record.digest);
    await until(async () => (await a.directory.find('linear', record.digest)).kind === 'ended');
    t.like(await a.directory.move({ ...record, slot: '4', epoch: 2 }, 1), { kind: 'ended' });
  },
);

test.serial('a session that was only served is read ahead, once, and known when the store is away', async (t) => {
  const backing = new MemoryBacking();
  const a = nodeOver(createMemoryStore({ nodeId: 'a', backing }), 'a');
  let reads = 0,
    isAway = false;
  const inner = createMemoryStore({ nodeId: 'b', backing });
  const counting: SessionStore = {
    ...inner,
    find: async (server, digest) => {
      reads += 1;
      if (isAway) throw new StoreError('unreachable', 'away');
      return inner.find(server, digest);
    },
  };
  const b = nodeOver(counting, 'b');
  t.teardown(() => Promise.all([a.close(), b.close()]).then(() => undefined));
  const record = fresh();
  await a.directory.remember(record);
  for (let request = 0; request < 5; request++) b.directory.readAhead('linear', record.digest);
  await until(() => b.directory.peek('linear', record.digest) !== undefined);
  t.is(reads, 1);
  isAway = true;
  t.like(await b.directory.find('linear', record.digest), { kind: 'live', record: { digest: record.digest } });
});

test.serial(
  'a Redis that hangs costs a new session 50 ms, a few times, then nothing; what was written behind arrives when it is back',
  async (t) => {
    const { redis } = t.context;
    const a = await redisNode(redis, 'a'),
      b = await redisNode(redis, 'b');
    t.teardown(() => Promise.all([a.close(), b.close()]).then(() => undefined));
    const known = fresh();
    await a.directory.remember(known);
    redis.pause();
    const records = Array.from({ length: 20 }, () => fresh());
    try {
      for (const record of records) t.is(await a.directory.remember(record), 'local');
      t.false(a.directory.isStoreReachable);
      t.like(await a.directory.find('linear', records[0]!.digest), { kind: 'live' });
      t.deepEqual(await a.directory.find('linear', fresh().digest), { kind: 'unsure' });
      t.like(await a.directory.move({ ...known, slot: '2', epoch: 1 }, 0), { kind: 'moved', isDurable: false });
      t.true(await a.directory.amend('linear', records[1]!.digest, (was) => ({ ...was, logLevel: 'debug' })));
      await a.directory.tombstone('linear', records[2]!.digest);
      t.deepEqual(await a.directory.find('linear', records[2]!.digest), { kind: 'ended' });
      t.truthy(await a.directory.lock('linear', known.digest, 1000));
      t.is(await a.directory.lock('linear', known.digest, 1000), null);
    } finally {
      redis.resume();
    }
    await until(() => a.directory.isStoreReachable && a.directory.sizes.behind === 0);
    for (const record of records) t.true(await b.store.exists('linear', record.digest));
    t.like(await b.store.find('linear', records[1]!.digest), { logLevel: 'debug' });
    t.like(await b.store.find('linear', records[2]!.digest), { isTombstone: true });
    t.like(await b.store.find('linear', known.digest), { slot: '2', epoch: 1 });
  },
);

for (const way of ['away', 'slow'] as const) {
  test(`changes made at the same time while the store is ${way} are all kept, here and in the store, beside what another node changed meanwhile`, async (t) => {
    const backing = new MemoryBacking(),
      inner = createMemoryStore({ nodeId: 'a', backing }),
      released = Promise.withResolvers<void>();
    let isGone = true;
    const store: SessionStore = {
      ...inner,
      async ping() {
        if (isGone && way === 'away') throw new StoreError('unreachable', 'away');
        return inner.ping();
      },
      async amend(...args) {
        await delay(1);
        if (isGone && way === 'away') throw new StoreError('unreachable', 'away');
        if (isGone) {
          await released.promise;
          throw new StoreError('unreachable', 'too late');
        }
        return inner.amend(...args);
      },
    };
    const a = nodeOver(store, 'a'),
      b = nodeOver(createMemoryStore({ nodeId: 'b', backing }), 'b');
    t.teardown(() => Promise.all([a.close(), b.close()]).then(() => undefined));
    const record = fresh(),
      { digest } = record,
      watched =
        (uri: string) =>
        (was: SessionRecord): SessionRecord => ({ ...was, subscriptions: [...new Set([...was.subscriptions, uri])] });
    await a.directory.remember(record);
    t.deepEqual(
      await Promise.all([
        a.directory.amend('linear', digest, (was) => ({ ...was, logLevel: 'warning' })),
        a.directory.amend('linear', digest, watched('one')),
        a.directory.amend('linear', digest, watched('two')),
      ]),
      [true, true, true],
    );
    const known = async (): Promise<unknown> => {
      const found = await a.directory.find('linear', digest, { isFresh: true });
      return found.kind === 'live' && [found.record.logLevel, found.record.subscriptions];
    };
    t.deepEqual(await known(), ['warning', ['one', 'two']]);
    t.true(await b.directory.amend('linear', digest, watched('by b')));
    isGone = false;
    // With the store slow, this one gets through before what is kept here.
    if (way === 'slow') {
      t.true(await a.directory.amend('linear', digest, watched('three')));
      t.deepEqual(await known(), ['warning', ['one', 'two', 'three']]);
    }
    released.resolve();
    await until(() => a.directory.sizes.behind === 0);
    const stored = (await inner.find('linear', digest))!;
    t.is(stored.logLevel, 'warning');
    t.deepEqual(
      [...stored.subscriptions].sort(),
      way === 'slow' ? ['by b', 'one', 'three', 'two'] : ['by b', 'one', 'two'],
    );
    const found = await a.directory.find('linear', digest, { isFresh: true });
    t.deepEqual(found.kind === 'live' && [...found.record.subscriptions].sort(), [...stored.subscriptions].sort());
  });
}

test.serial('a Redis that comes back empty learns again what this node touches', async (t) => {
  const { redis } = t.context;
  const a = await redisNode(redis, 'a', PATIENT);
  t.teardown(a.close);
  const before = fresh(),
    during = fresh();
  await a.directory.remember(before);
  await redis.kill();
  t.is(await a.directory.remember(during), 'local');
  t.like(await a.directory.find('linear', before.digest), { kind: 'live' });
  await redis.start();
  await until(() => a.directory.isStoreReachable && a.directory.sizes.behind === 0);
  t.like(await a.directory.find('linear', before.digest, { isFresh: true }), { kind: 'live' });
  t.like(await a.directory.move({ ...before, slot: '2', epoch: 1 }, 0), { kind: 'moved', isDurable: true });
  t.like(await a.store.find('linear', before.digest), { slot: '2', epoch: 1 });
  t.true(await a.store.exists('linear', during.digest));
});

test('a session moved on both sides of a split has one owner in the end, and the loser is named', async (t) => {
  const backing = new MemoryBacking();
  const a = nodeOver(createMemoryStore({ nodeId: 'a', backing }), 'a');
  const far = createMemoryStore({ nodeId: 'b', backing });
  let isSplit = false;
  const split = new Proxy(far, {
    get: (store, name: keyof SessionStore) =>
      name === 'watch' || name === 'close'
        ? store[name]
        : (...args: unknown[]) =>
            isSplit
              ? Promise.reject(new StoreError('unreachable', 'split'))
              : (store[name] as (...args: unknown[]) => unknown)(...args),
  });
  const b = nodeOver(split, 'b');
  t.teardown(() => Promise.all([a.close(), b.close()]).then(() => undefined));
  const record = fresh();
  await a.directory.remember(record);
  await b.directory.find('linear', record.digest);
  isSplit = true;
  t.like(await b.directory.move({ ...record, slot: '3', upstreamId: 'b-side', epoch: 1 }, 0), {
    kind: 'moved',
    isDurable: false,
  });
  t.like(await a.directory.move({ ...record, slot: '2', upstreamId: 'a-side', epoch: 1 }, 0), {
    kind: 'moved',
    isDurable: true,
  });
  isSplit = false;
  await until(() => b.superseded.length === 1);
  t.like(b.superseded[0], { loser: { upstreamId: 'b-side' }, winner: { upstreamId: 'a-side' } });
  t.like(await b.directory.find('linear', record.digest), { kind: 'live', record: { slot: '2' } });
});

test('the cache and the queue of writes are bounded, the counts follow, and sessions expire', async (t) => {
  let now = 1_000_000,
    evicted = 0;
  const away = new Proxy({} as SessionStore, {
    get: (_, name) =>
      name === 'watch' ? () => () => {} : () => Promise.reject(new StoreError('unreachable', 'no store')),
  });
  const { directory } = nodeOver(away, 'a', {
    maxCached: 10,
    onEvict: () => {
      evicted += 1;
    },
    maxBehind: 5,
    clock: { now: () => now, after: () => () => {}, every: () => () => {} },
  });
  for (let i = 0; i < 20; i += 1)
    await directory.remember(sampleRecord({ clientId: `1~${i}`, slot: i < 15 ? '1' : '2', lastActivityMs: now }));
  t.deepEqual(directory.sizes, { cached: 10, behind: 5, dropped: 15 });
  t.is(evicted, 10);
  t.deepEqual(
    [...directory.counts('linear')],
    [
      ['1', 5],
      ['2', 5],
    ],
  );
  now += 3_600_000;
  const last = sampleRecord({ clientId: '3~x', slot: '3', lastActivityMs: now });
  await directory.remember(last);
  t.deepEqual([...directory.counts('linear')], [['3', 1]]);
  t.is(directory.peek('linear', last.digest)?.slot, '3');
  t.is(evicted, 10, 'what expired made room for nobody');
  t.is(directory.peek('linear', sampleRecord({ clientId: '1~19' }).digest), undefined);
});
