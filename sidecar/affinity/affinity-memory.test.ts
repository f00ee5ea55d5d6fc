import test from 'ava';
import { StoreError } from '../session/store-error.ts';
import { AffinityMemory } from './affinity-memory.ts';
import type { AffinityKey } from './affinity-key.ts';
import type { AffinityStore } from './affinity-store.ts';

/** A clock whose timers run only when the test says so, and a store with a switch. */
function rig({ maxHeld = 100 } = {}) {
  const stored = new Map<string, { slot: string; ttlSeconds: number }>(),
    timers = new Set<{ atMs: number; run: () => void }>();
  let nowMs = 0,
    isAway = false,
    writes = 0,
    reads = 0;
  const clock = {
    now: () => nowMs,
    after: (delayMs: number, run: () => void) => {
      const timer = { atMs: nowMs + delayMs, run };
      timers.add(timer);
      return () => {
        timers.delete(timer);
      };
    },
    every: () => () => undefined,
  };
  const store: AffinityStore = {
    get: async (_server, { digest }) => {
      reads++;
      if (isAway) throw new StoreError('unreachable', 'away');
      return stored.get(digest)?.slot ?? null;
    },
    set: async (_server, { digest }, slot, ttlSeconds) => {
      writes++;
      if (isAway) throw new StoreError('unreachable', 'away');
      stored.set(digest, { slot, ttlSeconds });
    },
    ping: async () => 0,
  };
  const pass = async (ms: number): Promise<void> => {
    nowMs += ms;
    for (const timer of [...timers])
      if (timer.atMs <= nowMs) {
        timers.delete(timer);
        timer.run();
      }
    await new Promise(setImmediate);
  };
  return {
    stored,
    pass,
    memory: () => new AffinityMemory({ store, clock, maxHeld }),
    leave: () => {
      isAway = true;
    },
    get writes() {
      return writes;
    },
    get reads() {
      return reads;
    },
  };
}
const key = (digest: string): AffinityKey => ({ kind: 'task', digest });

test('what one gateway remembers another one finds', async (t) => {
  const { memory, stored } = rig(),
    one = memory(),
    two = memory();
  await one.remember('s', [key('a')], '1', 600);
  t.is(await two.find('s', [key('a')], 600), '1');
  t.deepEqual(stored.get('a'), { slot: '1', ttlSeconds: 600 });
});

test('a request that overtakes the write of its answer waits for it, but not for long', async (t) => {
  const { memory, stored, pass } = rig(),
    late = memory().find('s', [key('a')], 600),
    never = memory().find('s', [key('b')], 600);
  await pass(20);
  stored.set('a', { slot: '7', ttlSeconds: 600 });
  for (let i = 0; i < 10; i++) await pass(20);
  t.deepEqual([await late, await never], ['7', null]);
});

test('without a store this process remembers, for the time to live', async (t) => {
  const memory = new AffinityMemory({ store: null });
  await memory.remember('s', [key('a')], '1', 600);
  t.deepEqual(
    [
      await memory.find('s', [key('a')], 600),
      await memory.find('s', [key('b')], 600),
      await memory.find('other', [key('a')], 600),
    ],
    ['1', null, null],
  );
});

test('a store that is away costs one question, and what this process saw itself stays known', async (t) => {
  const r = rig(),
    memory = r.memory();
  await memory.remember('s', [key('a')], '1', 600);
  r.leave();
  t.is(await memory.find('s', [key('b')], 600), null);
  const { reads } = r;
  t.is(await memory.find('s', [key('c')], 600), null);
  await memory.remember('s', [key('d')], '2', 600);
  t.deepEqual(
    [await memory.find('s', [key('a')], 600), await memory.find('s', [key('d')], 600), r.reads],
    ['1', '2', reads],
  );
});

test('what is in use stays, what is not goes; a write is not repeated for nothing', async (t) => {
  const r = rig(),
    memory = r.memory();
  await memory.remember('s', [key('a')], '1', 600);
  t.is(memory.remember('s', [key('a')], '1', 600), null);
  for (let i = 0; i < 10; i++) {
    await r.pass(100_000);
    t.is(await memory.find('s', [key('a')], 600), '1');
  }
  t.true(r.writes > 1 && r.writes < 8, `${r.writes} writes`);
  r.stored.clear();
  const gone = memory.find('s', [key('a')], 600);
  t.is(await gone, '1');
  await r.pass(700_000);
  const later = memory.find('s', [key('a')], 600);
  r.stored.clear();
  for (let i = 0; i < 10; i++) await r.pass(20);
  t.is(await later, null);
});

test('no more is held than allowed', async (t) => {
  const memory = rig({ maxHeld: 3 }).memory();
  for (const digest of ['a', 'b', 'c', 'd', 'e']) await memory.remember('s', [key(digest)], '1', 600);
  t.is(memory.size, 3);
});
