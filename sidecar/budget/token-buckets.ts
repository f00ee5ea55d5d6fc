/** Buckets kept; beyond it the longest unused one is forgotten, and is full when it comes again. */
const MAX_BUCKETS = 20_000;

/** What is taken from one bucket, and how it fills. */
export interface TokenBucket {
  key: string;
  /** Tokens that come within `perMs`. */
  requests: number;
  perMs: number;
  /** Most tokens that it holds; a new one is full. */
  burst: number;
  count: number;
}

/** `empty`: the place of the bucket that is short, and when it has enough again. */
export type TokensTaken = { is: 'taken' } | { is: 'empty'; index: number; retryAfterMs: number };

/** The token buckets of one process. */
export class TokenBuckets {
  readonly #levels = new Map<string, { tokens: number; atMs: number }>();

  /** Takes from all of them, or from none. */
  take(buckets: readonly TokenBucket[], nowMs: number): TokensTaken {
    const tokens = buckets.map((bucket) => this.#tokensOf(bucket, nowMs));
    const index = buckets.findIndex(({ count }, at) => (tokens[at] ?? 0) < count);
    const short = buckets[index];
    if (short) {
      const missing = short.count - (tokens[index] ?? 0);
      return { is: 'empty', index, retryAfterMs: Math.ceil((missing * short.perMs) / short.requests) };
    }
    for (const [at, { key, count }] of buckets.entries()) {
      this.#levels.delete(key);
      this.#levels.set(key, { tokens: (tokens[at] ?? 0) - count, atMs: nowMs });
    }
    while (this.#levels.size > MAX_BUCKETS) this.#levels.delete(this.#levels.keys().next().value ?? '');
    return { is: 'taken' };
  }

  #tokensOf({ key, requests, perMs, burst }: TokenBucket, nowMs: number): number {
    const was = this.#levels.get(key);
    if (!was) return burst;
    // A clock that was set back: the bucket fills from now on.
    if (nowMs < was.atMs) was.atMs = nowMs;
    return Math.min(burst, was.tokens + ((nowMs - was.atMs) * requests) / perMs);
  }
}
