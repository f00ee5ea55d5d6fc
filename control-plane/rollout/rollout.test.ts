import test from 'ava';
import * as fc from 'fast-check';
import { noCounters, type SloCounters } from '../../proto/slo-window.ts';
import { advanceRollout, commandRollout, type RolloutInput, type RolloutTransition } from './advance-rollout.ts';
import { beginRollout } from './begin-rollout.ts';
import { isOver, isRecalling, rolloutSchema, rolloutWeights, targetPercent, type Rollout } from './rollout.ts';

const BACKENDS = [
  { name: 'stable', weight: 100, healthy: 2 },
  { name: 'canary', weight: 0, healthy: 2 },
];
const PLAN = {
  server: 'linear',
  from: 'stable',
  to: 'canary',
  intervalMs: 1000,
  stepMs: 2000,
  minSessions: 5,
  stepTimeoutMs: 60_000,
};
const begin = (more: object = {}): Rollout => {
  const begun = beginRollout({ ...PLAN, ...more }, { backends: BACKENDS, running: null }, 'r1', 0);
  if ('problem' in begun) throw new Error(begun.problem);
  return begun.rollout;
};
const counters = (more: Partial<SloCounters>): SloCounters => ({ ...noCounters(), ...more });
const input = (now: number, to: Partial<SloCounters> = {}, more: Partial<RolloutInput> = {}): RolloutInput => ({
  now,
  healthy: { from: 2, to: 2 },
  contract: [],
  counters: { from: noCounters(), to: counters(to) },
  ...more,
});
const kinds = ({ news }: RolloutTransition) => news.map(({ kind }) => kind);

/** Looks once a second; `to` are the new backend's counters at that time. */
function run(
  rollout: Rollout,
  seconds: number,
  to: (second: number) => Partial<SloCounters> = (second) => ({ sessions: 10 * second, calls: 100 * second }),
): { rollout: Rollout; news: string[] } {
  const news: string[] = [];
  for (let second = 1; second <= seconds; second++) {
    const next = advanceRollout(rollout, input(second * 1000, to(second)));
    rollout = next.rollout;
    news.push(...next.news.map((each) => `${second} ${each.message}`));
  }
  return { rollout, news };
}

test('a healthy canary goes 10, 50, 100 and is promoted', (t) => {
  const { rollout, news } = run(begin(), 10);
  t.is(rollout.phase.kind, 'promoted');
  t.deepEqual(news, [
    '1 linear stable → canary: 10 % of new sessions',
    '3 linear stable → canary: 50 % of new sessions',
    '5 linear stable → canary: 100 % of new sessions',
    '7 linear stable → canary: promoted: every step met its objectives',
  ]);
  t.deepEqual(
    [...rolloutWeights(rollout, { from: 2, to: 2 })],
    [
      ['stable', 0],
      ['canary', 100],
    ],
  );
});

test('5 % tool errors hold it at the first analysis and roll it back at the second', (t) => {
  const { rollout, news } = run(begin(), 3, (second) => ({
    sessions: 10 * second,
    calls: 100 * second,
    toolErrors: 5 * second,
  }));
  t.is(rollout.phase.kind, 'rolled-back');
  t.deepEqual(news.slice(1), [
    '2 linear stable → canary: held at 10 %: 5 % of 100 calls failed (old backend 0 %, at most 1 % more)',
    '3 linear stable → canary: rolled-back: 5 % of 200 calls failed (old backend 0 %, at most 1 % more)',
  ]);
  t.deepEqual(
    [...rolloutWeights(rollout, { from: 2, to: 2 })],
    [
      ['stable', 100],
      ['canary', 0],
    ],
  );
  t.true(isRecalling(rollout));
  t.false(isRecalling({ ...rollout, plan: { ...rollout.plan, onRollback: 'leave' } }));
});

test('errors that the old backend has too are no reason; slow calls, failing initialize and recoveries each are', (t) => {
  const first = advanceRollout(begin(), input(0)).rollout;
  const look = (to: Partial<SloCounters>, from: Partial<SloCounters> = {}) =>
    advanceRollout(first, { ...input(1000), counters: { from: counters(from), to: counters(to) } }).rollout.phase
      .reason;
  const late = noCounters().latency.map((_, index, all) => (index === all.length - 1 ? 100 : 0)),
    quick = late.toReversed();
  t.regex(look({ calls: 100, toolErrors: 5 }, { calls: 100, toolErrors: 5 }), /met/);
  t.regex(look({ calls: 100, latency: late }, { calls: 100, latency: quick }), /^p99/);
  t.regex(look({ sessions: 10, initializeFailed: 3 }), /initialize/);
  t.regex(look({ sessions: 10, recoveries: 3 }), /recoveries/);
  t.regex(look({ calls: 19, toolErrors: 19 }), /met/, 'too few calls to judge');
});

test('one bad analysis between good ones only holds', (t) => {
  const { rollout, news } = run(begin({ failuresToRollBack: 2, stepMs: 5000 }), 4, (second) => ({
    sessions: 10,
    calls: [0, 0, 100, 1000, 2000][second]!,
    faults: second >= 2 ? 5 : 0,
  }));
  t.is(rollout.phase.kind, 'step');
  t.is(news.length, 3);
  t.regex(news[2]!, /met again/);
});

test('breaking differences of the tools hold it before it begins, until they are approved or time is up', (t) => {
  const contract = [{ level: 'breaking' as const, tool: 'add', description: 'removed' }];
  const held = advanceRollout(begin(), input(1, {}, { contract }));
  t.deepEqual(kinds(held), ['rollout.held']);
  t.is(targetPercent(held.rollout), 0);
  t.deepEqual(kinds(advanceRollout(held.rollout, input(2, {}, { contract }))), []);
  const approved = commandRollout(held.rollout, 'resume', 3) as RolloutTransition;
  t.deepEqual(kinds(advanceRollout(approved.rollout, input(4, {}, { contract }))), ['rollout.step']);
  t.deepEqual(kinds(advanceRollout(held.rollout, input(600_000, {}, { contract }))), ['rollout.rolled-back']);
  t.is(advanceRollout(begin({ contract: 'off' }), input(1, {}, { contract })).rollout.phase.kind, 'step');
  t.is(
    advanceRollout(begin(), input(1, {}, { contract: [{ ...contract[0]!, level: 'warning' }] })).rollout.phase.kind,
    'step',
  );
  t.is(
    advanceRollout(begin(), input(1, {}, { contract: null })).rollout.phase.reason,
    'the tools of both backends are not known yet; contract off goes on without them',
  );
});

test('a new backend without healthy replicas: not begun, or rolled back at once', (t) => {
  t.is(advanceRollout(begin(), input(1, {}, { healthy: { from: 2, to: 0 } })).rollout.phase.kind, 'preflight');
  const first = advanceRollout(begin(), input(0)).rollout;
  t.is(advanceRollout(first, input(1, {}, { healthy: { from: 2, to: 0 } })).rollout.phase.kind, 'rolled-back');
});

test('paused, it does not go on but may still roll back; resumed, it goes on', (t) => {
  const first = advanceRollout(begin(), input(0)).rollout;
  const paused = (commandRollout(first, 'pause', 1) as RolloutTransition).rollout;
  t.is(targetPercent(run(paused, 20).rollout), 10);
  t.is(run(paused, 20, (second) => ({ calls: 100 * second, faults: 50 * second })).rollout.phase.kind, 'rolled-back');
  const resumed = (commandRollout(paused, 'resume', 2) as RolloutTransition).rollout;
  t.is(run(resumed, 20).rollout.phase.kind, 'promoted');
});

test('promote and abort end it at once; what makes no sense is refused with the reason', (t) => {
  const first = advanceRollout(begin(), input(0)).rollout;
  t.is((commandRollout(first, 'promote', 1) as RolloutTransition).rollout.phase.kind, 'promoted');
  const aborted = (commandRollout(first, 'abort', 1) as RolloutTransition).rollout;
  t.is(aborted.phase.kind, 'aborted');
  t.true(isRecalling(aborted));
  t.regex((commandRollout(aborted, 'promote', 2) as { problem: string }).problem, /is over: aborted/);
  t.regex((commandRollout(first, 'resume', 2) as { problem: string }).problem, /neither paused nor held/);
});

test('a step keeps what its last analysis found, for operators to read', (t) => {
  const first = advanceRollout(begin(), input(0)).rollout;
  const { phase } = run(first, 1, () => ({ sessions: 10, calls: 100, faults: 50 })).rollout;
  t.deepEqual(phase.kind === 'step' && phase.checks?.map(({ name, isGood }) => [name, isGood]), [
    ['errors', false],
    ['p99', true],
    ['initialize', true],
    ['recoveries', true],
  ]);
});

test('a step without sessions, or without anybody counting, ends in a rollback, not in waiting for ever', (t) => {
  t.regex(run(begin(), 62, () => ({})).rollout.phase.reason, /only 0 of 5 new sessions/);
  let rollout = begin();
  for (let second = 0; second < 70; second++)
    rollout = advanceRollout(rollout, input(second * 1000, {}, { counters: null })).rollout;
  t.regex(rollout.phase.reason, /no counts/);
});

test('blue-green is one step, rolling one step per replica', (t) => {
  t.deepEqual(begin({ strategy: 'blue-green' }).steps, [100]);
  t.deepEqual(begin({ strategy: 'rolling' }).steps, [50, 100]);
});

test('a plan that can not be is refused with what to do', (t) => {
  const problem = (plan: object, context: object = {}) =>
    (
      beginRollout({ ...PLAN, ...plan }, { backends: BACKENDS, running: null, ...context }, 'r', 0) as {
        problem: string;
      }
    ).problem;
  t.is(problem({ to: 'green' }), 'linear has no backend green; it has stable, canary');
  t.is(problem({ to: 'stable' }), 'from and to are the same backend');
  t.is(problem({ steps: [50, 10, 100] }), 'steps must rise: 50, 10, 100');
  t.is(problem({ steps: [10, 50] }), 'the last step must be 100, not 50');
  t.regex(problem({ invented: 1 }), /invented/);
  t.regex(problem({}, { running: begin() }), /under way/);
  t.regex(
    problem({}, { backends: [...BACKENDS, { name: 'old', weight: 5, healthy: 1 }] }),
    /backend old takes new sessions too/,
  );
});

test('whatever happens: no new sessions to a backend without healthy replicas, and every rollout ends', (t) => {
  const plan = fc.record({
    strategy: fc.constantFrom('canary', 'blue-green', 'rolling'),
    steps: fc
      .uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 4 })
      .map((all) => [...all.sort((a, b) => a - b), 100]),
    minSessions: fc.nat(20),
    failuresToRollBack: fc.integer({ min: 1, max: 3 }),
    contract: fc.constantFrom('breaking', 'warning', 'off'),
    stepMs: fc.nat(5000),
    stepTimeoutMs: fc.integer({ min: 100, max: 20_000 }),
    holdTimeoutMs: fc.integer({ min: 100, max: 20_000 }),
  });
  const event = fc.record({
    afterMs: fc.integer({ min: 1, max: 3000 }),
    healthy: fc.record({ from: fc.nat(2), to: fc.nat(2) }),
    contract: fc.constantFrom(null, [], [{ level: 'breaking' as const, tool: 'a', description: 'removed' }]),
    counts: fc.option(
      fc.record({
        sessions: fc.nat(20),
        calls: fc.nat(100),
        toolErrors: fc.nat(20),
        faults: fc.nat(5),
        recoveries: fc.nat(5),
        initializeFailed: fc.nat(3),
      }),
    ),
    command: fc.option(fc.constantFrom('pause' as const, 'resume' as const, 'promote' as const, 'abort' as const), {
      freq: 8,
    }),
  });
  t.notThrows(() =>
    fc.assert(
      fc.property(plan, fc.array(event, { maxLength: 60 }), (wanted, events) => {
        const run = new Run(begin(wanted));
        for (const each of events) run.take(each);
        run.finish();
      }),
      { numRuns: 500 },
    ),
  );
});

interface RunEvent {
  afterMs: number;
  healthy: RolloutInput['healthy'];
  contract: RolloutInput['contract'];
  counts: Partial<SloCounters> | null;
  command: 'pause' | 'resume' | 'promote' | 'abort' | null;
}

/** One rollout with its clock and the counters of the new backend. Each step throws when the rollout breaks a promise. */
class Run {
  #rollout: Rollout;
  #nowMs = 0;
  #to = noCounters();

  constructor(rollout: Rollout) {
    this.#rollout = rollout;
  }

  take({ afterMs, healthy, contract, counts, command }: RunEvent): void {
    this.#nowMs += afterMs;
    for (const [name, more] of Object.entries(counts ?? {}) as Array<['sessions', number]>)
      this.#to = { ...this.#to, [name]: this.#to[name] + more };
    const counters = counts ? { from: noCounters(), to: this.#to } : null;
    this.#look({ now: this.#nowMs, healthy, contract, counters });
    const done = command ? commandRollout(this.#rollout, command, this.#nowMs) : null;
    if (done && 'rollout' in done) this.#rollout = done.rollout;
  }

  /** Nobody keeps it paused for ever, both backends are healthy, and time goes on. */
  finish(): void {
    if (this.#rollout.isPaused)
      this.#rollout = (commandRollout(this.#rollout, 'resume', this.#nowMs) as RolloutTransition).rollout;
    for (let looks = 0; looks < 3000 && !isOver(this.#rollout); looks++) {
      this.#nowMs += 1000;
      const counters = { from: noCounters(), to: this.#to };
      this.#look({ now: this.#nowMs, healthy: { from: 1, to: 1 }, contract: null, counters });
    }
    if (!isOver(this.#rollout)) throw new Error(`still ${JSON.stringify(this.#rollout.phase)}`);
  }

  #look(seen: RolloutInput): void {
    const wasOver = isOver(this.#rollout),
      before = targetPercent(this.#rollout);
    this.#rollout = rolloutSchema.parse(JSON.parse(JSON.stringify(advanceRollout(this.#rollout, seen).rollout)));
    for (const [backend, weight] of rolloutWeights(this.#rollout, seen.healthy)) {
      if (weight > 0 && seen.healthy[backend === 'stable' ? 'from' : 'to'] === 0)
        throw new Error(`${backend} gets ${weight} without a healthy replica`);
    }
    if (wasOver && targetPercent(this.#rollout) !== before) throw new Error('a rollout that is over changed');
  }
}
