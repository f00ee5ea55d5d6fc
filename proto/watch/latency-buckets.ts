/** Durations as counts: eight buckets per doubling from 0.1 ms on, so a quantile is right within 9 %. The last one has no end. */
const LEAST_MS = 0.1;
const PER_DOUBLING = 8;
export const LATENCY_BUCKETS = 184;

export function bucketOf(durationMs: number): number {
  if (!(durationMs > LEAST_MS)) return 0;
  return Math.min(LATENCY_BUCKETS - 1, Math.ceil(Math.log2(durationMs / LEAST_MS) * PER_DOUBLING));
}

/** Upper end of the bucket in which the quantile lies, in ms; null without a duration. `counts`: bucket → count. */
export function quantileMs(counts: ReadonlyMap<number, number>, quantile: number): number | null {
  let total = 0;
  for (const count of counts.values()) total += count;
  let left = Math.max(1, Math.ceil(total * quantile));
  for (const [bucket, count] of [...counts].sort(([one], [other]) => one - other)) {
    left -= count;
    if (left <= 0) return LEAST_MS * 2 ** (bucket / PER_DOUBLING);
  }
  return null;
}
