import test from 'ava';
import { ErrorSpread } from './error-spread.ts';

test('server errors of one or two tools are not the replica’s, of three they are', (t) => {
  const spread = new ErrorSpread();
  for (let i = 0; i < 10; i++) spread.failed('a', i);
  spread.failed('b', 11);
  t.false(spread.isWide(12));
  spread.failed('c', 12);
  t.true(spread.isWide(13));
});

test('a tool that works again, or whose errors are old, no longer counts', (t) => {
  const spread = new ErrorSpread();
  for (const tool of ['a', 'b', 'c']) spread.failed(tool, 0);
  t.true(spread.isWide(30_000));
  t.false(spread.isWide(30_001));
  spread.succeeded('b');
  t.false(spread.isWide(1));
});
