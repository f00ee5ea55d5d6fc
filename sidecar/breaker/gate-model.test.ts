import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { breakerPolicySchema, type BreakerPolicy } from '../../proto/server-policy.ts';
import type { OperatorState, Permit } from './gate-state.ts';
import { Gate } from './gate.ts';
import type { Verdict } from './verdict.ts';

/** The same rules in the plainest words: a whole history that is read again for every question. Slow, and easy to believe. */
class Model {
  readonly policy: BreakerPolicy;
  kind: string;
  sinceMs = -Infinity;
  untilMs = 0;
  openings = 0;
  generation = 0;
  history: { failed: boolean; slow: boolean; atMs: number }[] = [];
  trials: { givenMs: number; done: boolean }[] = [];

  constructor(policy: BreakerPolicy) {
    this.policy = policy;
    this.kind = policy.enabled ? 'closed' : 'disabled';
  }

  enter(kind: string, nowMs: number): void {
    this.kind = kind;
    this.sinceMs = nowMs;
    this.generation++;
    this.history = [];
    this.trials = [];
  }

  open(openings: number, nowMs: number): void {
    this.enter('open', nowMs);
    this.openings = openings;
    let lastsMs = this.policy.timeoutMs;
    for (let i = 1; i < openings; i++) lastsMs = Math.min(lastsMs * 2, this.policy.maxTimeoutMs);
    this.untilMs = nowMs + Math.max(this.policy.timeoutMs, lastsMs);
  }

  acquire(nowMs: number): { generation: number; trial?: { givenMs: number; done: boolean } } | undefined {
    if (this.kind === 'forced-open' || (this.kind === 'open' && nowMs < this.untilMs)) return undefined;
    if (this.kind === 'open') this.enter('half-open', nowMs);
    if (this.kind !== 'half-open') return { generation: this.generation };
    const permitMs = Math.max(10_000, this.policy.timeoutMs);
    const underWay = () => this.trials.filter((trial) => !trial.done).length;
    const successes = this.history.length;
    if (underWay() + successes >= this.policy.halfOpenPermits)
      for (const trial of this.trials) if (trial.givenMs + permitMs <= nowMs) trial.done = true;
    if (underWay() + successes >= this.policy.halfOpenPermits) return undefined;
    const trial = { givenMs: nowMs, done: false };
    this.trials.push(trial);
    return { generation: this.generation, trial };
  }

  settle(
    permit: { generation: number; trial?: { done: boolean } },
    verdict: Verdict,
    slow: boolean,
    nowMs: number,
  ): void {
    if (permit.generation !== this.generation || permit.trial?.done) return;
    if (permit.trial) permit.trial.done = true;
    this.count(verdict, slow, nowMs);
  }

  count(verdict: Verdict, slow: boolean, nowMs: number): void {
    if (verdict === 'ignore' || !['closed', 'half-open'].includes(this.kind)) return;
    this.history.push({ failed: verdict === 'failure', slow, atMs: nowMs });
    if (this.kind === 'half-open') {
      if (verdict === 'failure' || (slow && this.policy.form === 'rate')) this.open(this.openings + 1, nowMs);
      else if (this.history.length >= this.policy.halfOpenPermits) this.enter('closed', nowMs);
    } else if (this.isBroken(nowMs)) this.open(1, nowMs);
  }

  isBroken(nowMs: number): boolean {
    const { form, threshold, window, windowSize, minimumCalls, failureRatePercent, slowCallRatePercent } = this.policy;
    if (form === 'consecutive')
      return this.history.length >= threshold && this.history.slice(-threshold).every((call) => call.failed);
    const second = (ms: number) => Math.floor(ms / 1000);
    const calls =
      window === 'count'
        ? this.history.slice(-windowSize)
        : this.history.filter((call) => second(call.atMs) > second(nowMs) - windowSize);
    if (calls.length < (window === 'count' ? Math.min(minimumCalls, windowSize) : minimumCalls)) return false;
    const share = (which: 'failed' | 'slow') => (100 * calls.filter((call) => call[which]).length) / calls.length;
    return share('failed') >= failureRatePercent || share('slow') >= slowCallRatePercent;
  }
}

const policies: fc.Arbitrary<BreakerPolicy> = fc
  .record({
    enabled: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, fc.constant(false)),
    form: fc.constantFrom('consecutive', 'rate'),
    threshold: fc.integer({ min: 1, max: 4 }),
    timeoutMs: fc.constantFrom(100, 1000, 20_000),
    maxTimeoutMs: fc.constantFrom(100, 5000, 60_000),
    window: fc.constantFrom('count', 'time'),
    windowSize: fc.integer({ min: 1, max: 8 }),
    minimumCalls: fc.integer({ min: 1, max: 6 }),
    failureRatePercent: fc.constantFrom(1, 25, 50, 100),
    slowCallRatePercent: fc.constantFrom(20, 50, 100),
    halfOpenPermits: fc.integer({ min: 1, max: 4 }),
  })
  .map((fields) => breakerPolicySchema.parse(fields));

const verdicts = fc.constantFrom<Verdict>('success', 'success', 'failure', 'failure', 'ignore');
const steps = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: fc.record({ do: fc.constant('acquire' as const) }) },
    // Counted from the last one given, mostly a recent one: some are settled twice and some never; `ignore` is a cancelled request.
    {
      weight: 24,
      arbitrary: fc.record({
        do: fc.constant('settle' as const),
        which: fc.oneof(fc.nat(3), fc.nat()),
        verdict: verdicts,
        slow: fc.boolean(),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('record' as const),
        verdict: verdicts,
        slow: fc.boolean(),
        agoMs: fc.nat(2000),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('wait' as const),
        ms: fc.constantFrom(1, 50, 99, 100, 999, 1000, 5000, 10_000, 60_000),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('order' as const),
        kind: fc.constantFrom<OperatorState | 'closed'>(
          'forced-open',
          'disabled',
          'observe',
          'closed',
          'closed',
          'closed',
          'closed',
        ),
      }),
    },
  ),
  { maxLength: 120, size: 'max' },
);

type Step = typeof steps extends fc.Arbitrary<Array<infer T>> ? T : never;

/** The gate and its model, which take the same steps. */
class Pair {
  readonly gate: Gate;
  readonly model: Model;
  readonly #policy: BreakerPolicy;
  readonly #permits: { real: Permit; plain: { generation: number } }[] = [];
  #nowMs = 1_700_000_000_000;

  constructor(policy: BreakerPolicy) {
    this.gate = new Gate(policy);
    this.model = new Model(policy);
    this.#policy = policy;
  }

  take(t: ExecutionContext, step: Step): void {
    const { gate, model } = this,
      nowMs = this.#nowMs;
    switch (step.do) {
      case 'wait':
        this.#nowMs += step.ms;
        return;
      case 'acquire':
        return this.#acquire(t);
      case 'settle': {
        const permit = this.#permits.at(-1 - (step.which % Math.max(1, this.#permits.length)));
        if (!permit) return;
        const wasSettled = permit.real.isSettled;
        t.is(gate.settle(permit.real, step.verdict, step.slow, nowMs), !wasSettled);
        if (!wasSettled) model.settle(permit.plain, step.verdict, step.slow, nowMs);
        return;
      }
      case 'record': {
        const startedMs = nowMs - step.agoMs;
        gate.record(step.verdict, step.slow, startedMs, nowMs);
        if (step.verdict !== 'ignore' && model.kind === 'open' && startedMs >= model.untilMs)
          model.enter('half-open', model.untilMs);
        if (startedMs >= model.sinceMs) model.count(step.verdict, step.slow, nowMs);
        return;
      }
      case 'order':
        gate.order(step.kind, nowMs);
        model.enter(step.kind === 'closed' && !this.#policy.enabled ? 'disabled' : step.kind, nowMs);
    }
  }

  #acquire(t: ExecutionContext): void {
    const peeked = this.gate.peek(this.#nowMs);
    const answer = this.gate.acquire(this.#nowMs);
    const plain = this.model.acquire(this.#nowMs);
    t.is(answer.kind, plain ? 'admit' : 'reject');
    t.is(peeked === 'rejects', answer.kind === 'reject');
    if (answer.kind === 'reject') t.true(answer.retryAfterMs > 0);
    else if (plain) this.#permits.push({ real: answer.permit, plain });
  }
}

test('over random outcomes, times, cancellations and orders the gate does what the plain model does', (t) => {
  const reached = new Set<string>();
  let closings = 0;
  fc.assert(
    fc.property(policies, steps, (policy, sequence) => {
      const pair = new Pair(policy);
      for (const step of sequence) {
        const before: string = pair.gate.state.kind;
        pair.take(t, step);
        const { state } = pair.gate;
        t.is(state.kind as string, pair.model.kind);
        if (state.kind === 'open') t.is(state.untilMs, pair.model.untilMs);
        if (state.kind === 'half-open')
          t.true(
            state.held.size + state.successes <= policy.halfOpenPermits || state.successes < policy.halfOpenPermits,
          );
        reached.add(state.kind);
        if (before === 'half-open' && (state.kind as string) === 'closed') closings++;
      }
    }),
    { numRuns: 4000 },
  );
  t.true(closings > 50);
  t.deepEqual([...reached].sort(), ['closed', 'disabled', 'forced-open', 'half-open', 'observe', 'open']);
});
