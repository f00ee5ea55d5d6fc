import test from 'ava';
import { LEAST_MS, Turns } from './turns.ts';

/** An event loop whose turns the test makes, and a clock that only work moves. */
function loop() {
  const due: (() => void)[] = [];
  const errors: unknown[] = [];
  let nowMs = 0;
  const turns = new Turns(
    (error) => errors.push(error),
    () => nowMs,
    (run) => due.push(run),
  );
  const done: string[] = [];
  return {
    turns,
    done,
    errors,
    take: (address: string, name: string, ms: number) =>
      turns.run(address, 0, () => {
        nowMs += ms;
        done.push(name);
      }),
    turn: () => {
      const run = due.shift();
      run?.();
      return run !== undefined;
    },
  };
}

test('nothing waits while the loop is not busy', (t) => {
  const { turns, done, take, turn } = loop();
  for (let count = 0; count < 5; count++) take('a', String(count), 0.1);
  t.deepEqual(done, ['0', '1', '2', '3', '4']);
  t.true(turn());
  t.false(turn());
  take('a', 'later', 5);
  t.is(done.at(-1), 'later');
  t.is(turns.waiting, 0);
});

test('a thousand that arrive at once take no more than their share of each turn, and all of them are done', (t) => {
  const { turns, done, take, turn } = loop();
  for (let count = 0; count < 1000; count++) take('a', String(count), 0.5);
  t.is(done.length, 2);
  let before = done.length;
  while (turn()) {
    t.true(done.length - before <= 2);
    before = done.length;
  }
  t.deepEqual(
    done,
    Array.from({ length: 1000 }, (_, count) => String(count)),
  );
  t.is(turns.waiting, 0);
});

test('addresses take turns: one request of another waits for one of each, not for all', (t) => {
  const { done, take, turn } = loop();
  for (let count = 0; count < 1000; count++) take(`attacker ${count % 10}`, 'attack', 1);
  take('honest', 'honest', 1);
  for (let turns = 0; turns < 11; turns++) t.true(turn());
  t.true(done.includes('honest'));
});

test('what throws harms nothing that waits', (t) => {
  const { turns, done, errors, take, turn } = loop();
  take('a', 'first', 2);
  turns.run('a', 0, () => {
    throw new Error('of this one');
  });
  take('a', 'last', 1);
  while (turn());
  t.deepEqual(done, ['first', 'last']);
  t.is(errors.length, 1);
});

test('what costs more later counts for it at once', (t) => {
  const { turns, turn } = loop();
  let begun = 0;
  for (let count = 0; count < 10; count++) turns.run('a', LEAST_MS.beginning, () => begun++);
  t.is(begun, 2);
  t.true(turn());
  t.is(begun, 4);
});

test('work that is taken back is not run, and costs those behind it nothing', (t) => {
  const { turns, done, take, turn } = loop();
  take('a', 'first', 5);
  const taken = Array.from({ length: 1000 }, () => turns.run('a', LEAST_MS.beginning, () => done.push('taken back')));
  take('a', 'last', 0.1);
  for (const takeBack of taken) takeBack?.();
  turn();
  t.deepEqual(done, ['first', 'last']);
  t.is(turns.waiting, 0);
});
