import test from 'ava';
import { Resumptions } from './resumptions.ts';

test('calls that wait to be resumed are lost with their upstream session, once', (t) => {
  const waiting = new Resumptions();
  waiting.remember('d', 'e1', '1/a', [7, 'x']);
  t.deepEqual(waiting.takeLost('d', 'e1', '1/a'), []);
  t.deepEqual(waiting.takeLost('d', 'e2', '2/b'), []);
  t.deepEqual(waiting.takeLost('d', 'e1', '2/b'), [7, 'x']);
  t.deepEqual(waiting.takeLost('d', 'e1', '2/b'), []);
});
