import test from 'ava';
import { SessionCalls } from './session-calls.ts';

test('calls are counted by session and by server', (t) => {
  const open: number[] = [],
    calls = new SessionCalls((_server, count) => open.push(count));
  calls.began('s', 'd');
  calls.began('s', null);
  t.is(calls.of('d'), 1);
  calls.ended('s', 'd');
  calls.ended('s', null);
  t.is(calls.of('d'), 0);
  t.deepEqual(open, [1, 2, 1, 0]);
});
