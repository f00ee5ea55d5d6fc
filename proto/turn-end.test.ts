import test from 'ava';
import { atTurnEnd } from './turn-end.ts';

test('work runs in order, after the ticks and microtasks of its turn', async (t) => {
  const ran: string[] = [];
  atTurnEnd(() => ran.push('first'));
  atTurnEnd(() => ran.push('second'));
  process.nextTick(() => ran.push('tick'));
  queueMicrotask(() => ran.push('microtask'));
  await new Promise(setImmediate);
  t.deepEqual(ran.slice(0, 2).toSorted(), ['microtask', 'tick']);
  t.deepEqual(ran.slice(2), ['first', 'second']);
});

test('what the work itself leaves for the end of a turn waits for the next one', async (t) => {
  const ran: string[] = [];
  atTurnEnd(() => {
    atTurnEnd(() => ran.push('next'));
    ran.push('this');
  });
  atTurnEnd(() => ran.push('this too'));
  await new Promise(setImmediate);
  t.deepEqual(ran, ['this', 'this too']);
  await new Promise(setImmediate);
  t.deepEqual(ran, ['this', 'this too', 'next']);
});
