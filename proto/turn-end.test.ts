import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
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

const THROWS = `
const { parentPort, workerData } = require('node:worker_threads');
const ran = [];
process.on('uncaughtException', (error) => ran.push(error.message));
import(workerData).then(({ atTurnEnd }) => {
  atTurnEnd(() => { throw new Error('of one'); });
  atTurnEnd(() => ran.push('another'));
  atTurnEnd(() => parentPort.postMessage([...ran, 'last']));
});
`;

test('work that throws takes nothing along', async (t) => {
  const worker = new Worker(THROWS, { eval: true, workerData: new URL('./turn-end.ts', import.meta.url).href });
  const [ran] = await once(worker, 'message');
  t.deepEqual(ran, ['of one', 'another', 'last']);
  await worker.terminate();
});
