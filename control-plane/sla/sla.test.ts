import test from 'ava';
import { countOutcome, noCounters, type SloCounters } from '../../proto/slo-window.ts';
import type { Outcome } from '../../proto/outcome.ts';
import { sampleOutcome } from '../../proto/testing/sample-outcome.ts';
import { slaChecks } from './sla-checks.ts';
import { SlaHistory, type SlaWindow } from './sla-history.ts';

const outcome = (more: Partial<Outcome>): Outcome =>
  sampleOutcome({ server: 's', backend: 'b', durationMs: 4, ...more });
function count(counters: SloCounters, times: number, more: Partial<Outcome> = {}): SloCounters {
  for (let i = 0; i < times; i++) countOutcome(counters, outcome(more));
  return counters;
}
const MINUTE = 60_000,
  HOUR = 60 * MINUTE,
  T0 = Date.UTC(2026, 10, 23);
const window = (lengthMs: number, ...counted: [number, Partial<Outcome>?][]): SlaWindow => ({
  counters: counted.reduce((sum, [times, more]) => count(sum, times, more), noCounters()),
  fromMs: T0 - lengthMs,
  toMs: T0,
});
const FAULT = { kind: 'replica_fault' } as const;
const verdicts = (whole: SlaWindow, hour: SlaWindow | null, minutes: SlaWindow | null = null) =>
  slaChecks('linear', { whole, hour, minutes }).map(
    ({ area, verdict, description }) => `${verdict} ${area}: ${description}`,
  );

test('objectives that are kept are said with what they were judged by', (t) => {
  t.deepEqual(
    verdicts(
      window(48 * HOUR, [9999], [1, FAULT]),
      window(HOUR, [100]),
      window(5 * MINUTE, [50], [3, { kind: 'tool_error' }]),
    ),
    [
      'good sla: 99.99 % of 10000 requests answered since 2026-11-21 00:00 UTC, 100 % of 100 requests answered in the last hour',
      'good response-time: p99 of 100 calls in the last hour: at most 0.005 s',
      'good errors: 0.01 errors a second in the last 5 minutes (3 of tools, 0 of servers and replicas)',
    ],
  );
});

test('availability is red when it is missed now, yellow when it was missed once or the last hour alone misses it', (t) => {
  const verdict = (whole: SlaWindow, hour: SlaWindow | null) =>
    slaChecks('linear', { whole, hour, minutes: null })[0]!.verdict;
  const fine = window(HOUR, [1000]),
    missed = window(HOUR, [994], [6, FAULT]),
    burning = window(HOUR, [90], [10, { kind: 'overload', backend: null }]);
  t.is(verdict(missed, fine), 'warning');
  t.is(verdict(fine, missed), 'warning');
  t.is(verdict(missed, missed), 'bad');
  t.is(verdict(missed, null), 'bad');
  t.is(verdict(fine, burning), 'bad');
  t.is(verdict(window(HOUR, [6], [1, FAULT]), null), 'warning', 'one failure of seven is no rate');
  t.is(verdict(window(HOUR), null), 'good', 'nobody asked for anything');
});

test('what tools and clients do wrong is not the mesh’s', (t) => {
  t.is(
    slaChecks('linear', {
      whole: window(
        HOUR,
        [10],
        [50, { kind: 'tool_error' }],
        [50, { kind: 'client_fault' }],
        [50, { kind: 'cancelled' }],
      ),
      hour: null,
      minutes: null,
    })[0]!.verdict,
    'good',
  );
});

test('slow answers and many errors are said, with advice', (t) => {
  const [, slow, errors] = slaChecks('linear', {
    whole: window(HOUR, [90], [10, { durationMs: 9000 }]),
    hour: null,
    minutes: window(2 * MINUTE, [1], [20, { kind: 'server_error' }]),
  });
  t.like(slow, {
    verdict: 'bad',
    description: 'p99 of 100 calls since 2026-11-22 23:00 UTC: up to 10 s; the objective is 5 s',
  });
  t.like(errors, {
    verdict: 'warning',
    description:
      '0.17 errors a second in the last 2 minutes (0 of tools, 20 of servers and replicas); the threshold is 0.1',
  });
  t.true([slow, errors].every((each) => each!.advice !== null));
});

test('counters that nobody keeps are unknown, with a way to know', (t) => {
  t.like(slaChecks('linear', null), [{ verdict: 'unknown', area: 'sla' }]);
});

test('the last hour is what was counted since the sample an hour ago, over all backends', async (t) => {
  let now = T0,
    counters = new Map([
      ['stable', noCounters()],
      ['', noCounters()],
    ]),
    isDown = false;
  const history = new SlaHistory({
    servers: () => ['linear'],
    now: () => now,
    sampleMs: 1 << 30,
    read: async () => {
      if (isDown) throw new Error('away');
      return { counters: structuredClone(counters), inFlight: new Map(), inFlightByNode: new Map(), sinceMs: T0 - 1 };
    },
  });
  count(counters.get('stable')!, 100, FAULT);
  await history.sample();
  for (let minute = 1; minute <= 90; minute++) {
    now += MINUTE;
    count(counters.get(minute % 2 === 0 ? 'stable' : '')!, 1);
    await history.sample();
  }
  const windows = (await history.windows('linear'))!;
  t.like(windows.whole, { fromMs: T0 - 1, counters: { judged: 190, failed: 100 } });
  t.like(windows.hour, { fromMs: T0 + 30 * MINUTE, counters: { judged: 60, failed: 0 } });
  t.like(windows.minutes, { counters: { judged: 5 } });
  isDown = true;
  await history.sample();
  t.is(await history.windows('linear'), null);
  history.stop();
});
