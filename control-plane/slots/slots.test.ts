import test from 'ava';
import { openFileSlotStore } from './file-slot-store.ts';
import { Slots } from './slots.ts';
import type { SlotStore } from './slot-store.ts';

const A = { server: 'linear', address: '127.0.0.1:1' },
  B = { server: 'linear', address: '127.0.0.1:2' };

/** A store that can be taken away, and a clock that is set. */
async function world() {
  let nowMs = Date.UTC(2026, 6, 1),
    inner = await openFileSlotStore(null, () => nowMs),
    mode: 'there' | 'away' | 'silent' = 'there';
  const store = new Proxy({} as SlotStore, {
    get:
      (_, name: keyof SlotStore) =>
      (...args: never[]) => {
        if (mode === 'away') return Promise.reject(new Error('connection refused'));
        if (mode === 'silent') return new Promise(() => {});
        return (inner[name] as (...all: never[]) => unknown)(...args);
      },
  });
  return {
    store,
    slots: (more = {}) =>
      new Slots({ store, keepLostMs: () => 3_600_000, now: () => nowMs, storeTimeoutMs: 20, ...more }),
    set: (next: typeof mode) => {
      mode = next;
    },
    pass: (ms: number) => {
      nowMs += ms;
    },
    empty: async () => {
      inner = await openFileSlotStore(null, () => nowMs);
    },
    inner: () => inner,
  };
}

test('replicas have slots once kept; those that are gone are lost when the leader says so; one event per round', async (t) => {
  const { slots: open } = await world();
  const slots = open();
  let changes = 0;
  slots.on('change', () => changes++);
  await slots.keep([A, B], true);
  t.is(changes, 1);
  t.is(slots.slots.size, 2);
  const slot = slots.slotOf(B.server, B.address)!;
  await slots.keep([A], false);
  t.is(slots.slotOf(B.server, B.address), slot);
  await slots.keep([A], true);
  t.is(slots.slotOf(B.server, B.address), undefined);
  t.deepEqual(slots.lostSlots.get('linear'), [slot]);
  t.is(changes, 2);
});

test('what another control plane did is seen at the next look', async (t) => {
  const { slots: open } = await world();
  const [one, two] = [open(), open()];
  await one.keep([A], true);
  await two.refresh();
  const first = two.slotOf(A.server, A.address)!;
  const second = await one.newIncarnation(A.server, A.address, first);
  t.not(second, first);
  t.is(await two.newIncarnation(A.server, A.address, first), second);
  await two.refresh();
  t.deepEqual(two.lostSlots.get('linear'), [first]);
});

test('while the store is away incarnations begin and end all the same, and the store hears of them later', async (t) => {
  const { slots: open, set } = await world();
  for (const mode of ['away', 'silent'] as const) {
    const slots = open();
    const events: string[] = [];
    slots.on('away', () => events.push('away'));
    slots.on('back', () => events.push('back'));
    set('there');
    await slots.keep([A], true);
    const first = slots.slotOf(A.server, A.address)!;
    set(mode);
    await slots.keep([A, B], true);
    const second = await slots.newIncarnation(A.server, A.address, first);
    t.regex(slots.slotOf(B.server, B.address)!, /^[0-9a-oq-z]{7}$/);
    t.true(slots.isAway);
    set('there');
    await slots.refresh();
    t.deepEqual(events, ['away', 'back']);
    const other = open();
    await other.refresh();
    t.deepEqual(other.slots, slots.slots);
    t.is(other.slotOf(A.server, A.address), second);
    t.true(other.lostSlots.get('linear')!.includes(first));
    await slots.keep([], true);
  }
});

test('a store that comes back empty gets everything again, and gives no slot a second time', async (t) => {
  const { slots: open, empty, pass, inner } = await world();
  const slots = open();
  await slots.keep([A, B], true);
  await slots.retire(B.server, B.address, slots.slotOf(B.server, B.address)!);
  const before = { incarnations: slots.slots, lost: slots.lostSlots };
  await slots.refresh();
  pass(10_000);
  await empty();
  await slots.refresh();
  t.deepEqual({ incarnations: slots.slots, lost: slots.lostSlots }, before);
  t.is(
    (await inner().read()).incarnations.get('linear 127.0.0.1:1')!.slot,
    before.incarnations.get('linear 127.0.0.1:1')!,
  );
  await slots.keep([A, B], true);
  t.false(before.lost.get('linear')!.includes(slots.slotOf(B.server, B.address)!));
});

test('a lost slot is forgotten when no session can name it any more', async (t) => {
  const { slots: open, pass, inner } = await world();
  const slots = open();
  await slots.keep([A], true);
  await slots.keep([], true);
  pass(3_599_000);
  await slots.refresh();
  t.is(slots.lostSlots.get('linear')!.length, 1);
  pass(2000);
  await slots.refresh();
  t.is(slots.lostSlots.size, 0);
  t.is((await inner().read()).lost.size, 0);
});
