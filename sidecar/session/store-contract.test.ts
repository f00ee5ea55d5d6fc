import anyTest, { type TestFn } from 'ava';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { RECORD_VERSION } from '../../proto/session-record.ts';
import { REDIS } from '../../proto/wire.ts';
import { sampleRecord } from './testing/sample-record.ts';
import type { StreamClaim, SessionChange } from './session-store.ts';
import { startStores, STORE_KINDS, stopStores, type StoreContext } from './testing/store-kinds.ts';

const test = anyTest as TestFn<StoreContext>;
test.before(async (t) => {
  t.context = await startStores();
});
test.after.always((t) => stopStores(t.context));
const fresh = (): string => `1~${randomUUID()}`;

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('the condition did not come true within 60 s');
    await delay(10);
  }
}

for (const [name, make] of Object.entries(STORE_KINDS)) {
  test(`${name}: a record comes back as it was written, until it is forgotten`, async (t) => {
    const [store, other] = make(t.context);
    const record = sampleRecord({ clientId: fresh(), subscriptions: [], capabilities: {} });
    t.false(await store.exists('linear', record.digest));
    t.is(await store.find('linear', record.digest), null);
    t.is(await store.create(record, 60), 'ok');
    t.deepEqual(await other.find('linear', record.digest), record);
    t.true(await other.exists('linear', record.digest));
    t.is(await other.create(record, 60), 'conflict');
    t.true(await store.forget('linear', record.digest));
    t.false(await store.forget('linear', record.digest));
    t.false(await other.exists('linear', record.digest));
  });

  test(`${name}: the same digest of another server is another session`, async (t) => {
    const [store] = make(t.context);
    const record = sampleRecord({ clientId: fresh() });
    await store.create(record, 60);
    t.is(await store.find('queryquill', record.digest), null);
  });

  test(`${name}: a record expires after its time to live, and a touch slides it`, async (t) => {
    const [store, , age] = make(t.context);
    const [brief, idle, used] = [
      sampleRecord({ clientId: fresh() }),
      sampleRecord({ clientId: fresh() }),
      sampleRecord({ clientId: fresh() }),
    ];
    await Promise.all([store.create(brief, 1), store.create(idle, 600), store.create(used, 600)]);
    await until(async () => !(await store.exists('linear', brief.digest)));
    await age([idle.digest, used.digest], 400_000);
    await store.touch([{ server: 'linear', digest: used.digest, atMs: Date.now() }]);
    t.true(await store.exists('linear', idle.digest));
    await age([idle.digest, used.digest], 400_000);
    t.false(await store.exists('linear', idle.digest));
    t.true(await store.exists('linear', used.digest));
  });

  test(`${name}: a move needs the epoch that is stored`, async (t) => {
    const [store, other] = make(t.context);
    const record = sampleRecord({ clientId: fresh() });
    await store.create(record, 60);
    t.is(await store.update({ ...record, slot: '2', upstreamId: 'u2', epoch: 1 }, 0), 'ok');
    t.is(await other.update({ ...record, slot: '3', upstreamId: 'u3', epoch: 1 }, 0), 'conflict');
    t.like(await other.find('linear', record.digest), { slot: '2', upstreamId: 'u2', epoch: 1 });
    t.is(await other.update(sampleRecord({ clientId: fresh() }), 0), 'missing');
  });

  test(`${name}: of many moves at once exactly one wins`, async (t) => {
    const [store, other] = make(t.context);
    const record = sampleRecord({ clientId: fresh() });
    await store.create(record, 60);
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 2 ? store : other).update({ ...record, slot: `${i}`, epoch: 1 }, 0)),
    );
    t.is(results.filter((result) => result === 'ok').length, 1);
  });

  test(`${name}: amendments by two gateways at once are all kept`, async (t) => {
    const [store, other] = make(t.context);
    const record = sampleRecord({ clientId: fresh() });
    await store.create(record, 60);
    const amendments = ['a', 'b', 'c', 'd'].map((uri, i) =>
      (i % 2 ? store : other).amend('linear', record.digest, 0, (was) => ({
        ...was,
        subscriptions: [...was.subscriptions, uri],
      })),
    );
    t.true((await Promise.all(amendments)).every((result) => result.kind === 'ok'));
    t.deepEqual((await store.find('linear', record.digest))?.subscriptions.toSorted(), ['a', 'b', 'c', 'd']);
    t.is((await store.amend('linear', record.digest, 7, (was) => was)).kind, 'conflict');
  });

  test(`${name}: a tombstone is final, also of a session that only its node knew`, async (t) => {
    const [store, other] = make(t.context);
    const record = sampleRecord({ clientId: fresh() }),
      never = sampleRecord({ clientId: fresh() });
    await store.create(record, 60);
    t.like(await other.tombstone('linear', record.digest, 60), { slot: '1', isTombstone: false });
    t.is(await other.tombstone('linear', never.digest, 60, true), null);
    for (const { digest } of [record, never]) {
      t.like(await store.find('linear', digest), { isTombstone: true });
      t.is(await store.create({ ...record, digest }, 60), 'conflict');
      t.is(await store.update({ ...record, digest, epoch: 1 }, 0), 'conflict');
      t.is((await store.amend('linear', digest, 0, (was) => was)).kind, 'conflict');
      t.like(await store.reconcile({ ...record, digest, epoch: 9 }, 60), { kind: 'kept' });
    }
  });

  test(`${name}: a tombstone for an id without a record leaves no trace`, async (t) => {
    const [store] = make(t.context);
    const never = sampleRecord({ clientId: fresh() });
    t.is(await store.tombstone('linear', never.digest, 60), null);
    t.false(await store.exists('linear', never.digest));
    t.is(await store.create(never, 60), 'ok');
  });

  test(`${name}: reconciling keeps the higher epoch and says what it replaced`, async (t) => {
    const [store] = make(t.context);
    const record = sampleRecord({ clientId: fresh() });
    t.deepEqual(await store.reconcile(record, 60), { kind: 'written', previous: null });
    t.like(await store.reconcile({ ...record, slot: '2', epoch: 1 }, 60), { kind: 'written', previous: { ...record } });
    t.like(await store.reconcile({ ...record, slot: '3', epoch: 1 }, 60), {
      kind: 'kept',
      stored: { ...record, slot: '2', epoch: 1 },
    });
    t.like(await store.reconcile({ ...record, slot: '2', epoch: 1, logLevel: 'debug' }, 60), { kind: 'written' });
    t.like(await store.find('linear', record.digest), { slot: '2', epoch: 1, logLevel: 'debug' });
  });

  test(`${name}: a slot lists its sessions, longest idle first, and follows moves and ends`, async (t) => {
    const [store] = make(t.context);
    const server = `s-${randomUUID().slice(0, 8)}`;
    const records = [3, 1, 2].map((n) =>
      sampleRecord({ clientId: fresh(), server, slot: 'k', lastActivityMs: n * 1000 }),
    );
    for (const record of records) await store.create(record, 60);
    t.deepEqual(
      (await store.listSlot(server, 'k', 10)).map((record) => record.lastActivityMs),
      [1000, 2000, 3000],
    );
    t.is((await store.listSlot(server, 'k', 2)).length, 2);
    await store.touch([{ server, digest: records[1]!.digest, atMs: 9000 }]);
    t.deepEqual(
      (await store.listSlot(server, 'k', 10)).map((record) => record.lastActivityMs),
      [2000, 3000, 9000],
    );
    await store.update({ ...records[0]!, slot: 'm', epoch: 1 }, 0);
    await store.tombstone(server, records[2]!.digest, 60);
    t.is(await store.countSlot(server, 'k'), 1);
    t.is((await store.listSlot(server, 'm', 10)).length, 1);
  });

  test(`${name}: a lock has one holder, and only its token gives it back`, async (t) => {
    const [store, other] = make(t.context);
    const { digest } = sampleRecord({ clientId: fresh() });
    const token = await store.lock('linear', digest, 'g1', 60_000);
    t.truthy(token);
    t.is(await other.lock('linear', digest, 'g2', 60_000), null);
    t.false(await other.unlock('linear', digest, 'g2:guess'));
    t.true(await store.unlock('linear', digest, token!));
    t.truthy(await other.lock('linear', digest, 'g2', 1));
    await until(async () => (await store.lock('linear', digest, 'g1', 1000)) !== null);
  });

  test(`${name}: other nodes hear who wants a session’s stream, one’s own node does not`, async (t) => {
    const [store, other] = make(t.context);
    const [heard, own]: [StreamClaim[], StreamClaim[]] = [[], []];
    let gaps = 0;
    const watcher = (claims: StreamClaim[]) => ({
      onChange: () => undefined,
      onClaim: (claim: StreamClaim) => claims.push(claim),
      onGap: () => {
        gaps += 1;
      },
    });
    t.teardown(store.watch(watcher(own)));
    t.teardown(other.watch(watcher(heard)));
    if (name !== 'memory') await until(() => gaps > 1);
    const digest = fresh();
    t.true(await store.claimStream('linear', digest));
    await until(() => heard.some((claim) => claim.server === 'linear' && claim.digest === digest));
    t.false(own.some((claim) => claim.digest === digest));
  });

  test(`${name}: other nodes hear of moves and ends, one’s own node does not`, async (t) => {
    const [store, other] = make(t.context);
    const heard: SessionChange[] = [],
      own: SessionChange[] = [];
    let gaps = 0;
    t.teardown(store.watch({ onChange: (change) => own.push(change), onClaim: () => undefined, onGap: () => {} }));
    t.teardown(
      other.watch({
        onChange: (change) => heard.push(change),
        onClaim: () => undefined,
        onGap: () => {
          gaps += 1;
        },
      }),
    );
    if (name !== 'memory') await until(() => gaps > 0);
    const record = sampleRecord({ clientId: fresh() });
    const never = sampleRecord({ clientId: fresh() });
    const mine = (changes: SessionChange[]): SessionChange[] =>
      changes.filter((change) => change.digest === record.digest || change.digest === never.digest);
    await store.tombstone('linear', never.digest, 60);
    await store.create(record, 60);
    await store.update({ ...record, slot: '2', epoch: 1 }, 0);
    await store.tombstone('linear', record.digest, 60);
    await until(() => mine(heard).length === 2);
    t.like(mine(heard)[0], { server: 'linear', slot: '2', epoch: 1 });
    t.like(mine(heard)[1], { server: 'linear', slot: null, epoch: 1 });
    t.deepEqual(mine(own), []);
  });

  test(`${name}: a record of a later version is read as far as it fits and never rewritten`, async (t) => {
    const [store] = make(t.context);
    const later = { ...sampleRecord({ clientId: fresh() }), version: 99, aNewField: { deep: [1] } };
    await store.create(later, 60);
    t.like(await store.find('linear', later.digest), { version: 99, aNewField: { deep: [1] } });
    t.is(await store.update({ ...later, slot: '2', epoch: 1 }, 0), 'newer');
    t.is((await store.amend('linear', later.digest, 0, (was) => was)).kind, 'newer');
    t.like(await store.reconcile({ ...later, version: 1, slot: '2', epoch: 5 }, 60), { kind: 'kept' });
    t.like(await store.find('linear', later.digest), { version: 99, slot: '1', epoch: 0 });
  });
}

test('Redis: a later version’s field of another shape takes the blank value; a damaged record of ours is an error', async (t) => {
  const [store] = STORE_KINDS['Redis']!(t.context);
  const record = sampleRecord({ clientId: fresh() });
  await store.create({ ...record, version: RECORD_VERSION + 1 }, 60);
  const key = REDIS.session('linear', record.digest);
  await t.context.client.hset(
    key,
    'record',
    JSON.stringify({ ...record, version: RECORD_VERSION + 1, subscriptions: { now: 'a map' } }),
  );
  t.like(await store.find('linear', record.digest), { version: RECORD_VERSION + 1, slot: '1', subscriptions: [] });
  await t.context.client.hset(key, 'record', '{"version":1');
  await t.throwsAsync(store.find('linear', record.digest), { code: 'bad-record' });
});

test('Redis: no stored field holds more than the record', async (t) => {
  const [store] = STORE_KINDS['Redis']!(t.context);
  const record = sampleRecord({ clientId: fresh() });
  await store.create(record, 60);
  const fields = await t.context.client.hgetall(REDIS.session('linear', record.digest));
  t.deepEqual(Object.keys(fields).toSorted(), ['at', 'epoch', 'record', 'rev', 'slot', 'ttl', 'upstream', 'version']);
});
