import test from 'ava';
import * as fc from 'fast-check';
import type { Observation } from './observation.ts';
import { initialProbeState, observe, type ProbeState } from './probe-state.ts';

const THRESHOLDS = { healthyAfter: 2, unhealthyAfter: 3 };
const ok = (session: 'same' | 'lost' | 'none' = 'same'): Observation => ({
  kind: 'answered',
  eras: ['legacy'],
  session,
  tools: null,
  note: null,
  durationMs: 1,
});
const refused: Observation = { kind: 'refused', detail: 'connection failed: ECONNREFUSED', durationMs: 1 };
const silent: Observation = { kind: 'silent', detail: 'no answer in time', durationMs: 2000 };
const after = (...seen: Observation[]): ProbeState =>
  seen.reduce((state, each, index) => observe(state, each, THRESHOLDS, index + 1), initialProbeState(0));

test('the first look decides at once, in both directions', (t) => {
  t.is(after(ok()).health, 'healthy');
  t.is(after(refused).health, 'unhealthy');
});

test('a healthy replica becomes unhealthy after the threshold of failures in a row, not before', (t) => {
  t.is(after(ok(), refused, silent).health, 'healthy');
  t.is(after(ok(), refused, silent, ok(), refused, refused).health, 'healthy');
  t.is(after(ok(), refused, silent, refused).health, 'unhealthy');
});

test('silence that no gateway confirms has to last twice as long', (t) => {
  t.is(after(ok(), silent, silent, silent, silent, silent).health, 'healthy');
  t.is(after(ok(), silent, silent, silent, silent, silent, silent).health, 'unhealthy');
});

test('an unhealthy replica becomes healthy after the threshold of answers in a row', (t) => {
  t.is(after(refused, ok(), refused, ok()).health, 'unhealthy');
  t.is(after(refused, ok(), ok()).health, 'healthy');
});

test('right after a gateway’s report one refusal or one silence is certainty, a wrong answer is not', (t) => {
  t.is(observe(after(ok()), refused, THRESHOLDS, 9, true).health, 'unhealthy');
  t.is(observe(after(ok()), silent, THRESHOLDS, 9, true).health, 'unhealthy');
  t.is(
    observe(after(ok()), { kind: 'wrong', detail: 'HTTP 500', session: 'same', durationMs: 1 }, THRESHOLDS, 9, true)
      .health,
    'healthy',
  );
});

test('a session that the replica does not know any more is a new incarnation, seen last when the former one last answered', (t) => {
  const state = after(ok(), ok(), ok('lost'));
  t.is(state.incarnation, 1);
  t.is(state.formerIncarnationSeenAtMs, 2);
  t.is(state.health, 'healthy');
});

test('a replica that comes back with its session is the same incarnation; without sessions a refusal in between means a new one', (t) => {
  t.is(after(ok(), refused, refused, refused, ok()).incarnation, 0);
  t.is(after(ok('none'), refused, ok('none')).incarnation, 1);
  t.is(after(ok('none'), silent, silent, ok('none')).incarnation, 0);
  t.is(after(refused, ok('none')).incarnation, 0, 'it was never there before');
});

/** Whether one observation may lead from one state to the next. */
function isAllowed(state: ProbeState, seen: Observation, next: ProbeState): boolean {
  if (next.incarnation < state.incarnation || next.incarnation > state.incarnation + 1 || next.health === 'unknown')
    return false;
  if (state.health !== 'healthy' || next.health !== 'unhealthy') return true;
  return seen.kind !== 'answered' && state.streak + 1 >= THRESHOLDS.unhealthyAfter;
}

test('the number of incarnations never falls, and health only changes at a threshold', (t) => {
  const observation = fc.constantFrom<Observation>(ok(), ok('lost'), ok('none'), refused, silent, {
    kind: 'wrong',
    detail: 'HTTP 500',
    session: 'same',
    durationMs: 1,
  });
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(observation, { maxLength: 40 }), (all) => {
        let state = initialProbeState(0);
        for (const [index, seen] of all.entries()) {
          const next = observe(state, seen, THRESHOLDS, index + 1);
          if (!isAllowed(state, seen, next)) return false;
          state = next;
        }
        return true;
      }),
    ),
  );
});
