import anyTest, { type TestFn } from 'ava';
import { randomUUID } from 'node:crypto';
import { sessionDigest, type SessionRecord } from '../../proto/session-record.ts';
import { sampleRecord } from './testing/sample-record.ts';
import { startStores, STORE_KINDS, stopStores, type StoreContext } from './testing/store-kinds.ts';

const test = anyTest as TestFn<StoreContext>;
test.before(async (t) => {
  t.context = await startStores();
});
test.after.always((t) => stopStores(t.context));
const fresh = (): string => `1~${randomUUID()}`;

for (const [name, make] of Object.entries(STORE_KINDS)) {
  test(`${name}: the unbound form of a bound session’s id counts as ended, after each move too, for as long as the session lives`, async (t) => {
    const [store, other, age] = make(t.context);
    const bound = (slot: string, upstreamId: string): SessionRecord =>
      sampleRecord({ clientId: `1p~${randomUUID()}`, principal: 'ann', slot, upstreamId });
    const [begun, late] = [bound('1', randomUUID()), bound('1', randomUUID())];
    const moved = { ...begun, slot: '2', upstreamId: randomUUID(), epoch: 1 },
      formOf = ({ slot, upstreamId }: SessionRecord): string => sessionDigest(`${slot}~${upstreamId}`);
    t.is(await store.create(begun, 600), 'ok');
    t.like(await other.find('linear', formOf(begun)), { isTombstone: true });
    t.is(await other.update(moved, 0), 'ok');
    await store.reconcile(late, 600);
    for (const record of [begun, moved, late]) {
      const form = formOf(record);
      t.like(await store.find('linear', form), { isTombstone: true });
      t.is(await other.create(sampleRecord({ clientId: `${record.slot}~${record.upstreamId}` }), 600), 'conflict');
    }
    t.like(await other.find('linear', begun.digest), { slot: '2', isTombstone: false });
    const all = [begun.digest, late.digest, formOf(begun), formOf(moved), formOf(late)];
    await age(all, 400_000);
    await store.touch([{ server: 'linear', digest: begun.digest, atMs: Date.now() }]);
    await other.tombstone('linear', late.digest, 600);
    await age(all, 400_000);
    t.true(await store.exists('linear', formOf(moved)));
    t.true(await store.exists('linear', formOf(late)));
    await age(all, 400_000);
    t.false(await store.exists('linear', formOf(moved)));
  });

  test(`${name}: a session without a principal is no other’s unbound form, and one that lives is not ended`, async (t) => {
    const [store] = make(t.context);
    const free = sampleRecord({ clientId: fresh() });
    await store.create(free, 60);
    const { slot, upstreamId } = free;
    await store.create(sampleRecord({ clientId: `1p~${randomUUID()}`, principal: 'ann', slot, upstreamId }), 60);
    t.like(await store.find('linear', free.digest), { isTombstone: false });
  });
}
