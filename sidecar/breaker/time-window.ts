import type { Window } from './window.ts';

/** Most partial sums of one window: a window of an hour moves on in steps of a minute. */
export const MAX_BUCKETS = 60;

/**
 * The calls of the last `windowSeconds`, as a ring of partial sums: one per second, or {@link MAX_BUCKETS} equal parts of a longer
 * window. Moving on clears at most the whole ring, so a record after a long silence costs no more than {@link MAX_BUCKETS} steps.
 */
export class TimeWindow implements Window {
  readonly #bucketMs: number;
  readonly #calls: Uint32Array;
  readonly #failures: Uint32Array;
  readonly #slow: Uint32Array;
  /** Number of the current bucket since the epoch. */
  #head = -1;
  calls = 0;
  failures = 0;
  slow = 0;

  constructor(windowSeconds: number) {
    const buckets = Math.min(windowSeconds, MAX_BUCKETS);
    this.#bucketMs = (windowSeconds * 1000) / buckets;
    this.#calls = new Uint32Array(buckets);
    this.#failures = new Uint32Array(buckets);
    this.#slow = new Uint32Array(buckets);
  }

  record(isFailure: boolean, isSlow: boolean, nowMs: number): void {
    this.#moveTo(nowMs);
    const at = this.#head % this.#calls.length;
    this.#calls[at] = (this.#calls[at] ?? 0) + 1;
    this.calls++;
    if (isFailure) {
      this.#failures[at] = (this.#failures[at] ?? 0) + 1;
      this.failures++;
    }
    if (isSlow) {
      this.#slow[at] = (this.#slow[at] ?? 0) + 1;
      this.slow++;
    }
  }

  reset(): void {
    this.#calls.fill(0);
    this.#failures.fill(0);
    this.#slow.fill(0);
    this.#head = -1;
    this.calls = this.failures = this.slow = 0;
  }

  /** A clock that goes back stays in the current bucket. */
  #moveTo(nowMs: number): void {
    const head = Math.floor(nowMs / this.#bucketMs);
    if (head <= this.#head) return;
    const buckets = this.#calls.length;
    if (head - this.#head >= buckets) this.reset();
    else for (let passed = this.#head + 1; passed <= head; passed++) this.#clear(passed % buckets);
    this.#head = head;
  }

  #clear(at: number): void {
    this.calls -= this.#calls[at] ?? 0;
    this.failures -= this.#failures[at] ?? 0;
    this.slow -= this.#slow[at] ?? 0;
    this.#calls[at] = this.#failures[at] = this.#slow[at] = 0;
  }
}
