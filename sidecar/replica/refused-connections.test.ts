import test from 'ava';
import { RefusedConnections } from './refused-connections.ts';

test('a replica that refused a connection is left alone for a second', (t) => {
  const refusals = new RefusedConnections();
  t.false(refusals.has('a:1', 0));
  refusals.note('a:1', 0);
  t.deepEqual([refusals.has('a:1', 999), refusals.has('b:1', 999), refusals.has('a:1', 1000)], [true, false, false]);
  refusals.note('a:1', 1000);
  refusals.forget('a:1');
  t.false(refusals.has('a:1', 1001), 'it took one again');
});
