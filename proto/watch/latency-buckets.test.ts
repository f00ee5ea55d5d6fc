import test from 'ava';
import fc from 'fast-check';
import { bucketOf, LATENCY_BUCKETS, quantileMs } from './latency-buckets.ts';

const countsOf = (durations: readonly number[]): Map<number, number> => {
  const counts = new Map<number, number>();
  for (const each of durations) counts.set(bucketOf(each), (counts.get(bucketOf(each)) ?? 0) + 1);
  return counts;
};

test('a quantile out of the buckets is no less than the real one, and at most 10 % more', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.2, max: 600_000, noNaN: true }), { minLength: 1, maxLength: 200 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (durations, quantile) => {
        const sorted = durations.toSorted((one, other) => one - other);
        const real = sorted[Math.max(0, Math.ceil(sorted.length * quantile) - 1)] ?? 0;
        const said = quantileMs(countsOf(durations), quantile) ?? 0;
        return said >= real * 0.999_999 && said <= real * 1.1;
      },
    ),
  );
  t.pass();
});

test('odd durations have a bucket, and no calls have no quantile', (t) => {
  for (const odd of [-1, 0, Number.NaN, Infinity, 1e300]) {
    const bucket = bucketOf(odd);
    t.true(Number.isInteger(bucket) && bucket >= 0 && bucket < LATENCY_BUCKETS, String(odd));
  }
  t.is(quantileMs(new Map(), 0.5), null);
});
