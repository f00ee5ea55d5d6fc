import test from 'ava';
import { CallShares, shareOf } from './call-shares.ts';

test('a client has its share of calls in flight, another its own, and a place is free again when a call ends', (t) => {
  const shares = new CallShares();
  t.true(shares.take('a', 2));
  t.true(shares.take('a', 2));
  t.false(shares.take('a', 2));
  t.true(shares.take('b', 2));
  shares.release('a');
  t.true(shares.take('a', 2));
  for (const key of ['a', 'a', 'b']) shares.release(key);
  t.is(shares.size, 0);
});

test('however small the share, one call passes', (t) => {
  t.is(shareOf(25), 1024);
  t.is(shareOf(100), Infinity);
  t.true(shareOf(1) >= 1);
});
