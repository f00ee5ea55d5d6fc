import test from 'ava';
import { isoTime } from './iso-time.ts';

test('a time is written as ISO 8601, and what is no date as a dash', (t) => {
  t.is(isoTime(0), '1970-01-01T00:00:00.000Z');
  t.deepEqual([1e300, -9e15, NaN, Infinity].map(isoTime), ['-', '-', '-', '-']);
});
