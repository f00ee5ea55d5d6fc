import test from 'ava';
import fc from 'fast-check';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import { AdmissionQueue, MAX_WAITING } from './admission-queue.ts';
import { chooseReplica } from './choose-replica.ts';
import { sampleEndpoint as replica } from './testing/sample-endpoint.ts';

const choose = (endpoints: ReplicaEndpoint[], load: Record<string, number> = {}, excluded: string[] = []) =>
  chooseReplica({
    endpoints,
    backend: 'stable',
    excluded: new Set(excluded),
    load: (slot) => load[slot] ?? 0,
    random: () => 0.5,
  })?.slot ?? null;

test('a lost session goes to the replica of its own backend with the fewest sessions', (t) => {
  t.is(choose([replica('1'), replica('2'), replica('3', 'canary')], { 1: 5, 2: 4 }), '2');
  t.is(choose([replica('1'), replica('2')], { 1: 5, 2: 4 }, ['2']), '1');
});

test('another backend takes it only when none of its own is left; what drains or is sick takes nothing', (t) => {
  t.is(
    choose([
      replica('1', 'stable', 'draining'),
      replica('2', 'stable', 'unhealthy'),
      replica('3', 'canary'),
      replica('4', 'canary', 'standby'),
    ]),
    '3',
  );
  t.is(
    choose([replica('1', 'stable', 'standby'), replica('3', 'canary')], { 1: 100 }),
    '1',
    'a standby backend keeps what it has',
  );
  t.is(choose([replica('1', 'stable', 'lost')]), null);
});

test('5,000 sessions of a dead replica spread evenly over the others', (t) => {
  const load: Record<string, number> = { a: 0, b: 0, c: 300 };
  for (let i = 0; i < 5000; i++) load[choose([replica('a'), replica('b'), replica('c')], load)!]!++;
  t.true(Math.max(...Object.values(load)) - Math.min(...Object.values(load)) <= 1);
});

test('so many run at a time, requests before streams, each in order of arrival', async (t) => {
  const queue = new AdmissionQueue(),
    order: string[] = [];
  t.is(await queue.enter('triggered', 1, 1000), 'admitted');
  const waiting = [
    ['background', 's1'],
    ['triggered', 'r1'],
    ['background', 's2'],
    ['triggered', 'r2'],
  ] as const;
  const all = waiting.map(([urgency, name]) =>
    queue.enter(urgency, 1, 10_000).then(() => {
      order.push(name);
      queue.leave(1);
    }),
  );
  t.is(queue.waiting, 4);
  queue.leave(1);
  await Promise.all(all);
  t.deepEqual(order, ['r1', 'r2', 's1', 's2']);
  t.deepEqual([queue.running, queue.waiting], [0, 0]);
});

test('who waits too long is told, and its place goes to the next', async (t) => {
  const queue = new AdmissionQueue();
  await queue.enter('triggered', 1, 1000);
  const late = queue.enter('triggered', 1, 5),
    patient = queue.enter('triggered', 1, 60_000);
  t.is(await late, 'timeout');
  queue.leave(1);
  t.is(await patient, 'admitted');
});

test('the queue is bounded', async (t) => {
  const queue = new AdmissionQueue();
  await queue.enter('triggered', 1, 1000);
  const all = Array.from({ length: MAX_WAITING }, () => queue.enter('triggered', 1, 60_000));
  t.is(await queue.enter('triggered', 1, 60_000), 'full');
  for (let i = 0; i < MAX_WAITING; i++) queue.leave(1);
  t.true((await Promise.all(all)).every((admission) => admission === 'admitted'));
});

test('never more run than allowed, whatever comes and goes', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('triggered', 'background', 'leave'), { maxLength: 100 }),
      fc.integer({ min: 1, max: 5 }),
      async (steps, concurrency) => {
        const queue = new AdmissionQueue();
        for (const step of steps) {
          if (step !== 'leave') void queue.enter(step as 'triggered', concurrency, 60_000);
          else if (queue.running > 0) queue.leave(concurrency);
          t.true(queue.running <= concurrency);
          t.true(queue.waiting === 0 || queue.running === concurrency);
        }
        while (queue.running > 0) queue.leave(concurrency);
        await Promise.resolve();
      },
    ),
  );
});
