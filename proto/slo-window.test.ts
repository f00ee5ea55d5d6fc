import test from 'ava';
import * as fc from 'fast-check';
import type { Outcome } from './outcome.ts';
import { sampleOutcome } from './testing/sample-outcome.ts';
import { combine, countOutcome, latencyQuantileMs, noCounters } from './slo-window.ts';

const outcome = (more: Partial<Outcome>): Outcome =>
  sampleOutcome({ server: 's', backend: 'b', durationMs: 4, ...more });
function counted(...outcomes: Partial<Outcome>[]) {
  const counters = noCounters();
  for (const each of outcomes) countOutcome(counters, outcome(each));
  return counters;
}

test('initialize counts sessions, other requests count calls, and what clients do wrong counts nowhere', (t) => {
  const counters = counted(
    { method: 'initialize' },
    { method: 'initialize', kind: 'server_error' },
    {},
    { kind: 'tool_error' },
    { kind: 'replica_fault' },
    { kind: 'client_fault' },
    { kind: 'cancelled' },
    { method: 'GET', durationMs: 1e7 },
    { kind: 'overload' },
  );
  t.like(counters, { sessions: 1, initializeFailed: 1, calls: 3, toolErrors: 1, faults: 1, judged: 7, failed: 2 });
});

test('quantiles are upper bounds of their class', (t) => {
  t.is(latencyQuantileMs(noCounters(), 0.99), null);
  t.is(latencyQuantileMs(counted({ durationMs: 4 }), 0.99), 5);
  t.is(
    latencyQuantileMs(
      counted(...Array<Partial<Outcome>>(98).fill({ durationMs: 1 }), { durationMs: 900 }, { durationMs: 900 }),
      0.99,
    ),
    1000,
  );
  t.is(latencyQuantileMs(counted({ durationMs: 1e9 }), 0.5), Infinity);
});

test('what was added can be subtracted again', (t) => {
  const some = fc
    .array(
      fc.record({
        kind: fc.constantFrom<Outcome['kind']>('success', 'tool_error', 'server_error'),
        method: fc.constantFrom('initialize', 'tools/call'),
        durationMs: fc.nat(100_000),
      }),
    )
    .map((all) => counted(...all));
  t.notThrows(() =>
    fc.assert(
      fc.property(some, some, (one, other) => {
        t.deepEqual(combine(combine(one, other, 1), other, -1), one);
      }),
    ),
  );
});
