import { Registry } from 'prom-client';
import { breakerPolicySchema } from '../../../proto/server-policy.ts';
import { Gate } from '../../../sidecar/breaker/gate.ts';
import type { Permit } from '../../../sidecar/breaker/gate-state.ts';
import type { Verdict } from '../../../sidecar/breaker/verdict.ts';
import { Histogram } from '../../../sidecar/metrics/histogram.ts';
import { fail, type FuzzTarget } from './fuzz-target.ts';

const BUCKETS = [0.001, 0.01, 0.1, 1, 10];
const POLICIES = [
  breakerPolicySchema.parse({ form: 'consecutive', threshold: 3, timeoutMs: 1000, halfOpenPermits: 2 }),
  breakerPolicySchema.parse({ form: 'rate', window: 'count', windowSize: 5, minimumCalls: 3, timeoutMs: 1000 }),
  breakerPolicySchema.parse({ form: 'rate', window: 'time', windowSize: 5, minimumCalls: 3, timeoutMs: 1000 }),
];
const VERDICTS = ['success', 'failure', 'ignore'] as const;

/** The input is a sequence of steps: what must hold holds after each. */
export const STATE_TARGETS: Readonly<Record<string, FuzzTarget>> = {
  /** Buckets never fall, and the last one counts every observation. */
  histogram(input) {
    const histogram = new Histogram({
      name: 'fuzz_seconds',
      help: 'For fuzzing.',
      labelNames: ['which'],
      buckets: BUCKETS,
      registry: new Registry(),
    });
    const series = histogram.at('one');
    let seen = 0;
    for (let at = 0; at + 4 <= input.length; at += 4) {
      const value = input.readFloatLE(at);
      try {
        series.observe(value);
        seen += 1;
      } catch (error) {
        if (Number.isFinite(value) || !(error instanceof TypeError)) throw error;
      }
    }
    const values = histogram.values();
    const counts = values.filter(({ metricName }) => metricName.endsWith('_bucket')).map(({ value }) => value);
    if (counts.some((count, index) => count < (counts[index - 1] ?? 0))) fail('a bucket falls');
    if (counts.at(-1) !== seen || values.at(-1)?.value !== seen) fail('an observation is missing');
  },
  /** A permit is settled once; a refusal says when to come again; an open gate knows until when. */
  breaker(input, cut) {
    const policy = POLICIES[cut % POLICIES.length] ?? POLICIES[0];
    if (policy === undefined) return;
    const steps = new BreakerSteps(new Gate(policy));
    for (const byte of input) steps.take(byte % 4, byte >> 3);
  },
};

class BreakerSteps {
  readonly #gate: Gate;
  readonly #open: Permit[] = [];
  #nowMs = 1_700_000_000_000;

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  take(step: number, argument: number): void {
    const verdict = VERDICTS[argument % 3] ?? 'ignore';
    const isSlow = argument % 2 === 0;
    if (step === 0) this.#nowMs += argument * 100;
    else if (step === 1) this.#acquire();
    else if (step === 2) this.#settle(this.#open[argument % Math.max(1, this.#open.length)], verdict, isSlow);
    else this.#gate.record(verdict, isSlow, this.#nowMs - argument * 10, this.#nowMs);
    const { state } = this.#gate;
    if (state.kind === 'open' && !(state.untilMs > state.sinceMs)) fail('open until before it opened');
  }

  #acquire(): void {
    const answer = this.#gate.acquire(this.#nowMs);
    if (answer.kind === 'admit') this.#open.push(answer.permit);
    else if (!(answer.retryAfterMs > 0)) fail('a refusal without a time');
  }

  #settle(permit: Permit | undefined, verdict: Verdict, isSlow: boolean): void {
    if (!permit) return;
    const wasSettled = permit.isSettled;
    if (this.#gate.settle(permit, verdict, isSlow, this.#nowMs) === wasSettled)
      fail('a permit is settled twice, or never');
  }
}
