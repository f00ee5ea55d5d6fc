import test from 'ava';
import type { Outcome, OutcomeKind } from '../../proto/outcome.ts';
import { sampleOutcome } from '../../proto/testing/sample-outcome.ts';
import { serverPolicySchema } from '../../proto/server-policy.ts';
import { Breakers, type BreakerListener } from './breakers.ts';

const level = { threshold: 3, timeoutMs: 1000, maxTimeoutMs: 8000, halfOpenPermits: 1, minSessions: 1, minClients: 1 };
function breakers(fields: object = {}, options: { maxBreakers?: number; listener?: BreakerListener } = {}): Breakers {
  const all = new Breakers(options);
  all.configure(serverPolicySchema.parse({ name: 'linear', replicaBreaker: level, toolBreaker: level, ...fields }));
  return all;
}
const outcome = (kind: OutcomeKind, fields: Partial<Outcome> = {}): Outcome => sampleOutcome({ kind, ...fields });
function see(all: Breakers, times: number, one: Outcome, nowMs = 0): void {
  for (let i = 0; i < times; i++) all.observe(one, nowMs);
}
const rejects = (all: Breakers, slot: string | null, tool: string | null, nowMs = 0): boolean =>
  all.gate('linear', slot, tool, nowMs).kind === 'reject';

test('replica faults close the way to that replica and to no other, nor to the tool', (t) => {
  const all = breakers();
  see(all, 3, outcome('replica_fault'));
  t.deepEqual(all.gate('linear', '1', 'echo', 400), {
    kind: 'reject',
    breaker: { server: 'linear', level: 'replica', key: '1' },
    retryAfterMs: 600,
  });
  t.false(rejects(all, '2', 'echo'));
});

test('server errors of one tool close the way to that tool on every replica, and the replica stays', (t) => {
  const all = breakers();
  see(all, 10, outcome('server_error'));
  t.true(rejects(all, '2', 'echo'));
  t.false(rejects(all, '1', 'other-tool'));
  t.is(all.peek('linear', '1', 0), 'admits');
});

test('server errors of several tools close the way to the replica', (t) => {
  const all = breakers();
  for (const tool of ['a', 'b', 'c', 'd', 'e']) all.observe(outcome('server_error', { tool }), 0);
  t.is(all.peek('linear', '1', 0), 'rejects');
});

test('isError closes nothing, and with countToolErrors the tool alone', (t) => {
  const plain = breakers();
  see(plain, 100, outcome('tool_error'));
  t.false(rejects(plain, '1', 'echo'));
  const asked = breakers({ countToolErrors: true });
  see(asked, 3, outcome('tool_error'));
  t.true(rejects(asked, '2', 'echo'));
  t.false(rejects(asked, '1', 'other-tool'));
});

test('a trial permit is settled by the outcome that names it, once', (t) => {
  const settled: string[] = [];
  const all = breakers({}, { listener: { onSettled: (_server, at, verdict) => settled.push(`${at} ${verdict}`) } });
  see(all, 3, outcome('replica_fault'));
  const answer = all.gate('linear', '1', 'echo', 1000);
  if (answer.kind !== 'admit' || answer.permit === null) return t.fail();
  t.true(rejects(all, '1', 'echo', 1001));
  all.observe(outcome('success', { permit: answer.permit, startedAtMs: 1000 }), 1002);
  t.is(all.peek('linear', '1', 1002), 'admits');
  all.observe(outcome('success', { permit: answer.permit, startedAtMs: 1000 }), 1003);
  t.deepEqual(settled, ['replica success']);
});

test('a trial whose request went to another slot, or was never sent, gives its permit back', (t) => {
  const all = breakers();
  see(all, 3, outcome('replica_fault'));
  for (const giveBack of [
    (permit: string) => {
      all.observe(outcome('success', { slot: '2', permit }), 1001);
    },
    (permit: string) => {
      all.release(permit, 1001);
    },
  ]) {
    const answer = all.gate('linear', '1', null, 1000);
    if (answer.kind !== 'admit' || answer.permit === null) return t.fail();
    t.is(all.peek('linear', '1', 1001), 'rejects');
    giveBack(answer.permit);
    t.is(all.peek('linear', '1', 1001), 'trial');
  }
});

test('when the tool’s breaker rejects, the replica’s trial permit is given back', (t) => {
  const all = breakers();
  see(all, 3, outcome('replica_fault'));
  see(all, 3, outcome('server_error', { slot: '2', startedAtMs: 500 }), 500);
  t.true(rejects(all, '1', 'echo', 1000));
  t.is(all.peek('linear', '1', 1000), 'trial');
});

test('a notification that was taken between two faults does not wipe out the first', (t) => {
  const all = breakers();
  for (let i = 0; i < 3; i++) {
    all.observe(outcome('replica_fault'), 0);
    all.observe(outcome('success', { method: 'notifications/cancelled', tool: null, status: 202 }), 0);
    all.observe(outcome('success', { method: 'GET', tool: null }), 0);
  }
  t.is(all.peek('linear', '1', 0), 'rejects');
});

test('faults of attempts that were repeated elsewhere open the replica’s breaker, and fail its trial', (t) => {
  const all = breakers();
  const attempt = { server: 'linear', slot: '1', permit: null, startedAtMs: 0, session: null };
  for (let i = 0; i < 3; i++) all.attemptFailed(attempt, 0);
  t.is(all.peek('linear', '1', 0), 'rejects');
  const answer = all.gate('linear', '1', null, 1000);
  if (answer.kind !== 'admit' || answer.permit === null) return t.fail();
  all.attemptFailed({ ...attempt, permit: answer.permit, startedAtMs: 1000 }, 1001);
  t.like(all.table.find('linear', 'replica', '1')?.gate.state, { kind: 'open', openings: 2 });
});

test('names that clients invent make no breakers, and the number of breakers is bounded', (t) => {
  let evicted = 0;
  const all = breakers(
    {},
    {
      maxBreakers: 10,
      listener: {
        onEvicted: () => {
          evicted++;
        },
      },
    },
  );
  for (let i = 0; i < 100; i++) all.observe(outcome('client_fault', { tool: `no-${i}` }), 0);
  for (let i = 0; i < 100; i++) all.observe(outcome('success', { tool: `yes-${i}` }), 0);
  t.is(all.table.size, 0);
  see(all, 3, outcome('replica_fault'));
  for (let i = 0; i < 100; i++) all.observe(outcome('server_error', { slot: null, tool: `bad-${i}` }), 0);
  t.is(all.table.size, 10);
  t.is(evicted, 91);
  t.is(all.peek('linear', '1', 0), 'rejects');
});

test('a server without a policy is never gated', (t) => {
  const all = breakers();
  see(all, 100, outcome('replica_fault', { server: 'unknown' }));
  t.is(all.gate('unknown', '1', 'echo', 0).kind, 'admit');
  t.is(all.table.size, 0);
});

test('a changed policy starts its level anew, the same policy changes nothing, and gone slots are dropped', (t) => {
  const all = breakers();
  see(all, 3, outcome('replica_fault'));
  all.configure(
    serverPolicySchema.parse({ name: 'linear', replicaBreaker: level, toolBreaker: level, countToolErrors: true }),
  );
  t.is(all.peek('linear', '1', 0), 'rejects');
  all.configure(
    serverPolicySchema.parse({ name: 'linear', replicaBreaker: { ...level, threshold: 4 }, toolBreaker: level }),
  );
  t.is(all.peek('linear', '1', 0), 'admits');
  see(all, 4, outcome('replica_fault'));
  all.table.keepSlots('linear', new Set(['2']));
  t.is(all.table.size, 0);
});

test('by rate, successes count from the first', (t) => {
  const rate = { ...level, form: 'rate', windowSize: 10, minimumCalls: 4, failureRatePercent: 75 };
  const all = breakers({ replicaBreaker: rate });
  see(all, 2, outcome('success'));
  see(all, 5, outcome('replica_fault'));
  t.is(all.peek('linear', '1', 0), 'admits');
  see(all, 1, outcome('replica_fault'));
  t.is(all.peek('linear', '1', 0), 'rejects');
});
