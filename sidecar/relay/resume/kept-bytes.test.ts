import test from 'ava';
import { KeptBytes } from './kept-bytes.ts';

test('one client keeps so many calls, and other clients have their own', (t) => {
  const kept = new KeptBytes();
  const rooms = Array.from({ length: 64 }, () => kept.enter('a'));
  t.true(rooms.every((room) => room !== null));
  t.is(kept.enter('a'), null);
  t.truthy(kept.enter('b'));
  rooms[0]?.release();
  rooms[0]?.release();
  t.truthy(kept.enter('a'));
  t.is(kept.enter('a'), null, 'a place is given back once');
});

test('an answer, and all answers together, take so many bytes', (t) => {
  const kept = new KeptBytes();
  const [first, ...others] = Array.from({ length: 33 }, (_, index) => kept.enter(String(index)));
  t.true(first?.take(1 << 20));
  t.false(first?.take(1));
  const taken = others.filter((room) => room?.take(1 << 20)).length;
  t.is(taken, 31);
  first?.release();
  t.true(others.at(-1)?.take(1 << 20));
});
