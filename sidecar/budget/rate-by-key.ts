import type { Rate } from '../../proto/limits.ts';

/** Keys that are counted apart; beyond it the longest unused one is forgotten, and begins with a full bucket when it comes again. */
const MAX_KEYS = 20_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

/** A token bucket for each key. */
export class RateByKey {
  readonly #buckets = new Map<string, Bucket>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether one more may happen now; if so, it counts. A rate of 0 requests is no limit. */
  take(key: string, { requests, perMs, burst }: Rate): boolean {
    if (requests === 0) return true;
    const nowMs = this.#now(),
      was = this.#buckets.get(key),
      // The clock may be set back.
      passedMs = was ? Math.max(0, nowMs - was.atMs) : 0,
      tokens = was ? Math.min(burst, was.tokens + (passedMs * requests) / perMs) : burst;
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
    if (this.#buckets.size > MAX_KEYS) this.#buckets.delete(this.#buckets.keys().next().value ?? '');
    return tokens >= 1;
  }
}
