import test from 'ava';
import { TokenBuckets } from './token-buckets.ts';

const rate = { requests: 10, perMs: 1000, burst: 20, count: 1 };

test('a key has its burst at once, and then its rate; another key has its own', (t) => {
  const buckets = new TokenBuckets();
  const taken = (key: string, nowMs: number): number => {
    let count = 0;
    while (buckets.take([{ ...rate, key }], nowMs).is === 'taken') count += 1;
    return count;
  };
  t.is(taken('a', 0), 20);
  t.is(taken('b', 0), 20);
  t.is(taken('a', 500), 5);
  t.is(taken('a', 3_600_000), 20);
  t.is(taken('a', 3_590_000), 0, 'a clock that is set back gives nothing');
  t.is(taken('a', 3_590_500), 5, 'and the bucket fills again from there');
});

test('takes from all buckets or from none, and says when the empty one has enough', (t) => {
  const buckets = new TokenBuckets();
  const wide = { ...rate, key: 'wide', burst: 3 };
  const tight = { key: 'tight', requests: 1, perMs: 8000, burst: 1, count: 1 };
  t.is(buckets.take([wide, tight], 0).is, 'taken');
  t.deepEqual(buckets.take([wide, tight], 0), { is: 'empty', index: 1, retryAfterMs: 8000 });
  t.is(buckets.take([{ ...wide, count: 2 }], 0).is, 'taken');
  t.deepEqual(buckets.take([wide], 0), { is: 'empty', index: 0, retryAfterMs: 100 });
  t.is(buckets.take([wide, tight], 8000).is, 'taken');
});

test('ten thousands of strangers do not take a place in memory each for good', (t) => {
  const buckets = new TokenBuckets();
  const take = (key: string) => buckets.take([{ ...rate, key }], 0).is;
  while (take('first') === 'taken');
  for (let i = 0; i < 20_000; i += 1) take(`stranger ${i}`);
  t.is(take('first'), 'taken');
});
