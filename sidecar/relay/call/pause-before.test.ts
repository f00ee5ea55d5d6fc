import test from 'ava';
import { pauseBefore, pauseWithin } from './pause-before.ts';

const longest = (): number => 1;

test('pauses double up to two seconds, and the first repetition has none', (t) => {
  t.deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 8, 9].map((repetition) => pauseBefore(repetition, longest)),
    [0, 50, 100, 200, 400, 800, 1600, 2000, 2000],
  );
  t.is(
    pauseBefore(5, () => 0),
    200,
  );
});

test('a pause ends with the time that its request has left', (t) => {
  t.is(pauseWithin(60, 5, longest), 60);
  t.is(pauseWithin(1000, 5, longest), 400);
  t.is(pauseWithin(-1, 5, longest), 0);
  // All pauses of a request together are never longer than its time.
  let leftMs = 500;
  for (let repetition = 1; repetition < 20; repetition++) leftMs -= pauseWithin(leftMs, repetition, longest);
  t.is(leftMs, 0);
});
