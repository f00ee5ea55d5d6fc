import test from 'ava';
import { RateByKey } from './rate-by-key.ts';

const rate = { requests: 10, perMs: 1000, burst: 20 };

test('a key has its burst at once, and then its rate; another key has its own', (t) => {
  let nowMs = 1e6;
  const rates = new RateByKey(() => nowMs);
  const taken = (key: string): number => {
    let count = 0;
    while (rates.take(key, rate)) count += 1;
    return count;
  };
  t.is(taken('a'), 20);
  t.is(taken('b'), 20);
  nowMs += 500;
  t.is(taken('a'), 5);
  nowMs += 3_600_000;
  t.is(taken('a'), 20);
  nowMs -= 10_000;
  t.is(taken('a'), 0);
});

test('without a rate everything passes, and ten thousand strangers do not take a place in memory each for good', (t) => {
  const rates = new RateByKey(() => 0);
  for (let i = 0; i < 1000; i += 1) t.true(rates.take('a', { ...rate, requests: 0 }));
  while (rates.take('first', rate));
  for (let i = 0; i < 20_000; i += 1) rates.take(`stranger ${i}`, rate);
  t.true(rates.take('first', rate));
});
