import test from 'ava';
import { RecencyMap } from './recency-map.ts';

const entry = (key: string) => ({ key, movedAt: 0 });

test('what is used goes behind what is not', (t) => {
  const map = new RecencyMap<{ key: string; movedAt: number }>();
  for (const key of ['a', 'b', 'c']) map.add(entry(key));
  map.use('a');
  t.deepEqual([...map.keys()], ['b', 'c', 'a']);
  t.is(map.oldest, 'b');
  map.add(entry('b'));
  t.deepEqual([...map.keys()], ['c', 'a', 'b']);
  t.is(map.use('unknown'), undefined);
});

test('an entry that is used all the time is moved once in many reads, and never becomes the oldest', (t) => {
  const map = new RecencyMap<{ key: string; movedAt: number }>(),
    hot = entry('hot');
  map.add(hot);
  for (let i = 0; i < 800; i++) map.add(entry(String(i)));
  let moves = 0,
    was = hot.movedAt;
  for (let i = 0; i < 2000; i++) {
    map.use('hot');
    if (hot.movedAt !== was) {
      moves += 1;
      was = hot.movedAt;
    }
  }
  t.true(moves > 0 && moves < 25, `${moves} moves`);
  for (let i = 0; i < 700; i++) {
    map.delete(map.oldest!);
    map.use('hot');
  }
  t.true(map.has('hot'));
});
