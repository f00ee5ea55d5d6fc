import type { Bucket } from './buckets-of.ts';

/** Buckets kept here; beyond it the longest unused one is forgotten. */
const MOST_BUCKETS = 20_000;

/** What came of asking for calls. `limit`: the first that is reached; `retryAfterMs`: when there will be enough again. */
export type Taken = { is: 'taken' } | { is: 'refused'; limit: string; retryAfterMs: number };

/** Token buckets of this process, for a time without Redis: each node lets through its share of the rate, and a burst at first. */
export class LocalBuckets {
  readonly #levels = new Map<string, { tokens: number; atMs: number }>();

  /** Takes from all buckets, or from none. `nodes`: how many share the rate. */
  take(server: string, buckets: readonly Bucket[], nodes: number, nowMs: number): Taken {
    const levels = buckets.map((bucket) => {
      const id = `${server} ${bucket.limit} ${bucket.key}`,
        was = this.#levels.get(id),
        perMs = bucket.requests / bucket.perMs / Math.max(1, nodes),
        // The clock may be set back.
        passedMs = was ? Math.max(0, nowMs - was.atMs) : 0,
        tokens = was ? Math.min(bucket.burst, was.tokens + passedMs * perMs) : bucket.burst;
      return { id, bucket, perMs, tokens };
    });
    const short = levels.find(({ bucket, tokens }) => tokens < bucket.count);
    if (short) {
      const retryAfterMs = Math.ceil((short.bucket.count - short.tokens) / short.perMs);
      return { is: 'refused', limit: short.bucket.limit, retryAfterMs };
    }
    for (const { id, bucket, tokens } of levels) {
      this.#levels.delete(id);
      this.#levels.set(id, { tokens: tokens - bucket.count, atMs: nowMs });
    }
    while (this.#levels.size > MOST_BUCKETS) this.#levels.delete(this.#levels.keys().next().value ?? '');
    return { is: 'taken' };
  }
}
