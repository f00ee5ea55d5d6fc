import test from 'ava';
import { breakerPolicySchema, type BreakerPolicy } from '../../proto/server-policy.ts';
import type { Permit } from './gate-state.ts';
import { Gate } from './gate.ts';

const policy = (fields: Partial<BreakerPolicy> = {}): BreakerPolicy =>
  breakerPolicySchema.parse({ threshold: 3, timeoutMs: 1000, maxTimeoutMs: 3000, halfOpenPermits: 2, ...fields });

function take(gate: Gate, nowMs: number): Permit {
  const answer = gate.acquire(nowMs);
  if (answer.kind === 'reject') throw new Error('rejected');
  return answer.permit;
}
function fail(gate: Gate, times: number, nowMs = 0): void {
  for (let i = 0; i < times; i++) gate.settle(take(gate, nowMs), 'failure', false, nowMs);
}

test('by default five faults in a row open it for 30 s', (t) => {
  const gate = new Gate(breakerPolicySchema.parse({}));
  fail(gate, 4);
  t.is(gate.state.kind, 'closed');
  fail(gate, 1);
  t.deepEqual(gate.state, { kind: 'open', sinceMs: 0, untilMs: 30_000, openings: 1 });
  t.deepEqual(gate.acquire(10_000), { kind: 'reject', retryAfterMs: 20_000 });
});

test('a success between them starts the count anew', (t) => {
  const gate = new Gate(policy());
  fail(gate, 2);
  gate.settle(take(gate, 0), 'success', false, 0);
  fail(gate, 2);
  t.is(gate.state.kind, 'closed');
});

test('what counts against nobody neither opens nor heals it', (t) => {
  const gate = new Gate(policy());
  fail(gate, 2);
  for (let i = 0; i < 10; i++) gate.settle(take(gate, 0), 'ignore', false, 0);
  fail(gate, 1);
  t.is(gate.state.kind, 'open');
});

test('half open it gives its permits and no more, and closes when all succeed', (t) => {
  const gate = new Gate(policy());
  fail(gate, 3);
  t.is(gate.peek(999), 'rejects');
  t.is(gate.peek(1000), 'trial');
  const [first, second] = [take(gate, 1000), take(gate, 1000)];
  t.is(gate.acquire(1000).kind, 'reject');
  gate.settle(first, 'success', false, 1001);
  t.is(gate.acquire(1001).kind, 'reject');
  gate.settle(second, 'success', false, 1002);
  t.is(gate.state.kind, 'closed');
});

test('each opening in a row lasts twice as long, up to the longest, and closing forgets it', (t) => {
  const gate = new Gate(policy({ halfOpenPermits: 1 }));
  fail(gate, 3);
  let nowMs = 1000;
  for (const lasts of [2000, 3000, 3000]) {
    fail(gate, 1, nowMs);
    t.like(gate.state, { kind: 'open', untilMs: nowMs + lasts });
    nowMs += lasts;
  }
  gate.settle(take(gate, nowMs), 'success', false, nowMs);
  fail(gate, 3, nowMs);
  t.like(gate.state, { kind: 'open', untilMs: nowMs + 1000, openings: 1 });
});

test('a permit settled twice counts once', (t) => {
  const gate = new Gate(policy());
  const permit = take(gate, 0);
  t.true(gate.settle(permit, 'failure', false, 0));
  t.false(gate.settle(permit, 'failure', false, 0));
  t.false(gate.settle(permit, 'failure', false, 0));
  t.is(gate.state.kind, 'closed');
});

test('a cancelled trial gives its permit back', (t) => {
  const gate = new Gate(policy({ halfOpenPermits: 1 }));
  fail(gate, 3);
  const permit = take(gate, 1000);
  t.is(gate.peek(1000), 'rejects');
  gate.settle(permit, 'ignore', false, 1001);
  t.is(gate.peek(1001), 'trial');
});

test('a permit that nobody settles is given back in the end', (t) => {
  const gate = new Gate(policy({ halfOpenPermits: 1 }));
  fail(gate, 3);
  const lost = take(gate, 1000);
  t.is(gate.peek(10_999), 'rejects');
  t.is(gate.peek(11_000), 'trial');
  t.false(gate.settle(lost, 'failure', false, 11_001));
  t.is(gate.state.kind, 'half-open');
});

test('results of requests that began before a change say nothing after it', (t) => {
  const gate = new Gate(policy({ halfOpenPermits: 1 }));
  const early = take(gate, 0);
  fail(gate, 3);
  const trial = take(gate, 1000);
  gate.settle(early, 'failure', false, 1001);
  gate.record('failure', false, 999, 1001);
  t.is(gate.state.kind, 'half-open');
  gate.settle(trial, 'success', false, 1002);
  for (let i = 0; i < 5; i++) gate.record('failure', false, 1001, 1003);
  t.is(gate.state.kind, 'closed');
  for (let i = 0; i < 3; i++) gate.record('failure', false, 1002, 1003);
  t.is(gate.state.kind, 'open');
});

test('by rate it waits for the minimum of calls, and forgets what left the window', (t) => {
  const gate = new Gate(
    policy({ form: 'rate', window: 'count', windowSize: 4, minimumCalls: 4, failureRatePercent: 50 }),
  );
  fail(gate, 3);
  t.is(gate.state.kind, 'closed');
  const timed = new Gate(
    policy({ form: 'rate', window: 'time', windowSize: 10, minimumCalls: 4, failureRatePercent: 50 }),
  );
  fail(timed, 3, 0);
  timed.record('failure', false, 10_000, 10_000);
  t.is(timed.state.kind, 'closed');
  fail(timed, 3, 10_500);
  t.is(timed.state.kind, 'open');
});

test('slow calls open it by rate, and a slow trial does not close it', (t) => {
  const gate = new Gate(
    policy({ form: 'rate', windowSize: 4, minimumCalls: 2, slowCallRatePercent: 50, halfOpenPermits: 1 }),
  );
  gate.settle(take(gate, 0), 'success', true, 0);
  gate.settle(take(gate, 0), 'success', false, 0);
  t.is(gate.state.kind, 'open');
  gate.settle(take(gate, 1000), 'success', true, 1000);
  t.like(gate.state, { kind: 'open', openings: 2 });
});

test('an operator can force it open, switch it off, or only watch', (t) => {
  const gate = new Gate(policy());
  gate.order('forced-open', 0);
  t.is(gate.acquire(1e9).kind, 'reject');
  for (const kind of ['disabled', 'observe'] as const) {
    gate.order(kind, 0);
    fail(gate, 100);
    t.is(gate.state.kind, kind);
  }
  gate.order('closed', 0);
  fail(gate, 3);
  t.is(gate.state.kind, 'open');
});

test('a policy that is not enabled admits everything, also after an operator took an order back', (t) => {
  const gate = new Gate(policy({ enabled: false }));
  fail(gate, 100);
  t.is(gate.state.kind, 'disabled');
  gate.order('forced-open', 0);
  gate.order('closed', 1);
  t.is(gate.state.kind, 'disabled');
});

test('its own changes are told, what it is told is not told back', (t) => {
  const told: string[] = [];
  const gate = new Gate(policy({ halfOpenPermits: 1 }), { onChange: (state) => told.push(state.kind) });
  fail(gate, 3);
  gate.settle(take(gate, 1000), 'success', false, 1000);
  gate.adopt({ kind: 'open', untilMs: 5000, openings: 1 }, 1001);
  t.is(gate.peek(4999), 'rejects');
  gate.adopt({ kind: 'closed' }, 1002);
  t.deepEqual(told, ['open', 'half-open', 'closed']);
});

test('requests that nobody asked leave for are trials once the open time is over', (t) => {
  const gate = new Gate(policy());
  fail(gate, 3);
  gate.record('success', false, 999, 1500);
  t.is(gate.state.kind, 'open');
  gate.record('success', false, 1000, 1500);
  gate.record('success', false, 1400, 1500);
  t.is(gate.state.kind, 'closed');
});
