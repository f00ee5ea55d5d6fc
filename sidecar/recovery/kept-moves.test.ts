import test from 'ava';
import type { SessionMove } from '../../proto/session-record.ts';
import { keptMoves } from './kept-moves.ts';

const move = (atMs: number, names: Partial<SessionMove> = {}): SessionMove => ({
  ...{ atMs, reason: 'drain', tookMs: 5, fromSlot: '1', toSlot: '2', from: 'a', to: 'b' },
  ...names,
});

test('the last moves are kept, and those that were let go are counted', (t) => {
  const first = keptMoves(undefined, move(1), 2);
  t.deepEqual(first, { moves: [move(1)], dropped: 0 });
  const second = keptMoves(first.moves, move(2), 2);
  const third = keptMoves(second.moves, move(3), 2);
  t.deepEqual(third, { moves: [move(2), move(3)], dropped: 1 });
  t.deepEqual(keptMoves(third.moves, move(4), 1), { moves: [move(4)], dropped: 2 }, 'the limit was lowered');
  t.deepEqual(keptMoves(third.moves, move(4), 0), { moves: [], dropped: 3 });
});

test('a long name is cut', (t) => {
  const { moves } = keptMoves([], move(1, { from: 'x'.repeat(300), to: null }), 10);
  t.is(moves[0]?.from?.length, 100);
  t.is(moves[0]?.to, null);
});
