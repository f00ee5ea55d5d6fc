import type { BreakerPolicy } from '../../proto/server-policy.ts';
import { CountWindow } from './count-window.ts';
import type { Policy } from './policy.ts';
import { TimeWindow } from './time-window.ts';
import type { Window } from './window.ts';

/** Broken when, of at least `minimumCalls` in the window, too many failed or too many were slow. */
export class RatePolicy implements Policy {
  readonly isSlowAFault = true;
  readonly #policy: BreakerPolicy;
  readonly #minimumCalls: number;
  readonly #window: Window;

  constructor(policy: BreakerPolicy) {
    this.#policy = policy;
    this.#window = policy.window === 'count' ? new CountWindow(policy.windowSize) : new TimeWindow(policy.windowSize);
    // A window of 10 calls never holds 20: as in resilience4j, a full window is enough.
    this.#minimumCalls =
      policy.window === 'count' ? Math.min(policy.minimumCalls, policy.windowSize) : policy.minimumCalls;
  }

  record(isFailure: boolean, isSlow: boolean, nowMs: number): boolean {
    const window = this.#window;
    window.record(isFailure, isSlow, nowMs);
    if (window.calls < this.#minimumCalls) return false;
    return (
      window.failures * 100 >= this.#policy.failureRatePercent * window.calls ||
      window.slow * 100 >= this.#policy.slowCallRatePercent * window.calls
    );
  }

  reset(): void {
    this.#window.reset();
  }
}
