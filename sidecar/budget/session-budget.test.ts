import test from 'ava';
import { serverLimitsSchema, type ServerLimits } from '../../proto/limits.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import { SessionBudget } from './session-budget.ts';

const KIB = 1024;

function world(changes: Partial<Record<keyof ServerLimits, unknown>> = {}) {
  const limits = serverLimitsSchema.parse({ sessionsPerAddress: 10, sessionsPerPrincipal: 3, ...changes });
  const live = new Map<string, { lastActivityMs: number; createdAtMs: number }>(),
    busy = new Set<string>(),
    ended: string[] = [],
    refused: string[] = [];
  const state = { nowMs: 1000, hasRoom: true };
  const budget = new SessionBudget({
    now: () => state.nowMs,
    limits: (server) => (server === 's' ? limits : undefined),
    known: (_server, digest) => live.get(digest),
    isBusy: (digest) => busy.has(digest),
    end: (_server, digest) => {
      live.delete(digest);
      ended.push(digest);
    },
    wrote: () => undefined,
    hasRoom: () => state.hasRoom,
    refused: (_server, limit) => refused.push(limit),
  });
  let count = 0;
  const begin = (address: string, { principal = null as string | null, bytes = 200 } = {}): string => {
    const digest = `d${count++}`;
    live.set(digest, { lastActivityMs: state.nowMs, createdAtMs: state.nowMs });
    budget.began({ server: 's', digest, principal } as SessionRecord, address, bytes);
    return digest;
  };
  return { budget, state, live, busy, ended, refused, begin };
}

test('an address keeps as many sessions as it may; the one that was idle longest goes, others’ stay', (t) => {
  const { begin, live, ended, refused, state } = world();
  const other = begin('10.0.0.2');
  const own = Array.from({ length: 10 }, () => begin('10.0.0.1'));
  t.deepEqual(ended, []);
  state.nowMs = 2000;
  live.get(own[0]!)!.lastActivityMs = 2000;
  begin('10.0.0.1');
  t.deepEqual(ended, [own[1]]);
  t.deepEqual(refused, ['sessions_per_address']);
  t.true(live.has(other));
});

test('a session with a call or stream open goes last', (t) => {
  const { begin, busy, ended } = world({ sessionsPerAddress: 2 });
  const first = begin('a'),
    second = begin('a');
  busy.add(first);
  begin('a');
  t.deepEqual(ended, [second]);
});

test('when all were used, the one whose last use is longest ago goes: the newest is always let in', (t) => {
  const { begin, live, ended } = world({ sessionsPerAddress: 2 });
  const first = begin('a'),
    second = begin('a');
  live.get(first)!.lastActivityMs = 3000;
  live.get(second)!.lastActivityMs = 2000;
  begin('a');
  t.deepEqual(ended, [second]);
});

test('a large initialize counts as several sessions, so that memory is bounded as well as their number', (t) => {
  const { begin, live } = world({ sessionsPerAddress: 32 });
  for (let i = 0; i < 1000; i += 1) begin('a', { bytes: 64 * KIB });
  t.is(live.size, 2);
});

test('a principal has its own share, wherever it comes from', (t) => {
  const { begin, ended, refused } = world();
  for (let i = 0; i < 4; i += 1) begin(`10.0.0.${i}`, { principal: 'user' });
  begin('10.0.0.1', { principal: 'another' });
  begin('10.0.0.1');
  t.deepEqual(ended, ['d0']);
  t.deepEqual(refused, ['sessions_per_principal']);
});

test('sessions that are gone take no place', (t) => {
  const { begin, live, ended, budget } = world({ sessionsPerAddress: 2 });
  const first = begin('a');
  begin('a');
  live.delete(first);
  begin('a');
  t.deepEqual(ended, []);
  live.clear();
  budget.sweep();
  t.is(budget.size, 0);
});

test('an address begins sessions at its rate; a full store takes none', (t) => {
  const { budget, state, refused } = world({ initializePerAddress: { requests: 1, perMs: 1000, burst: 2 } });
  const ask = () => budget.refusal('s', 'a');
  t.deepEqual([ask(), ask(), ask()], [null, null, 'initialize_rate']);
  t.is(budget.refusal('s', 'b'), null);
  state.nowMs += 1000;
  t.is(ask(), null);
  state.hasRoom = false;
  t.is(budget.refusal('s', 'b'), 'store_memory');
  t.deepEqual(refused, ['initialize_rate', 'store_memory']);
});

test('a limit of 0 is none', (t) => {
  const { begin, ended } = world({ sessionsPerAddress: 0, sessionsPerPrincipal: 0 });
  for (let i = 0; i < 50; i += 1) begin('a', { principal: i % 2 === 0 ? 'user' : null });
  t.deepEqual(ended, []);
});
