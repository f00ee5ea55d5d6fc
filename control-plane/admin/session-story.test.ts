import test from 'ava';
import { RECOVERY_REASONS } from '../../proto/recovery-reason.ts';
import type { SessionMove } from '../../proto/session-record.ts';
import type { SessionView } from './session-reader.ts';
import { sessionStory } from './session-story.ts';

const session = (changes: Partial<SessionView>): SessionView => ({
  ...{ digest: 'd'.repeat(64), server: 'linear', slot: '3', backend: 'stable', userId: 'anonymous', type: 'http' },
  ...{ protocolVersion: '2025-11-25', client: 'test', hasGetStream: false, epoch: 0, createdAtMs: 1000 },
  ...{ lastActivityMs: 9000, isEnded: false, endedAtMs: null, moves: [] },
  ...changes,
});
const move = (atMs: number, changes: Partial<SessionMove>): SessionMove => ({
  ...{ atMs, reason: 'unreachable', tookMs: 40, fromSlot: '1', from: null, toSlot: '2', to: 'linear-2' },
  ...changes,
});
const nameOf = (slot: string): string | null => (slot === '3' ? 'linear-3' : null);
const told = (of: SessionView): string[] => sessionStory(of, nameOf).map(({ message }) => message);

test('a session that never moved began where it lives', (t) => {
  t.deepEqual(sessionStory(session({}), nameOf), [
    { atMs: 1000, kind: 'began', message: 'began on linear-3 (slot 3)', tookMs: null },
  ]);
});

test('each move says from where, to where and why; a name that one move lacks is that of the move before', (t) => {
  const moves = [
    move(2000, {}),
    move(3000, { reason: 'drain', tookMs: 7, fromSlot: '2', toSlot: '3', to: 'linear-3' }),
  ];
  t.deepEqual(told(session({ epoch: 2, moves, isEnded: true, endedAtMs: 8000 })), [
    'began on a replica that is gone (slot 1)',
    'moved from a replica that is gone (slot 1) to linear-2 (slot 2): the replica did not answer or broke off',
    'moved from linear-2 (slot 2) to linear-3 (slot 3): the replica drains',
    'ended',
  ]);
});

test('moves that were not kept are said to be missing, and the beginning is not guessed', (t) => {
  const moves = [move(3000, { fromSlot: '2', toSlot: '3', to: 'linear-3', reason: 'of a later version' })];
  t.deepEqual(told(session({ epoch: 4, moves })), [
    'began',
    '3 moves were not kept (servers[].limits.keptMoves)',
    'moved from a replica that is gone (slot 2) to linear-3 (slot 3): of a later version',
  ]);
});

test('every reason has words of its own', (t) => {
  const words = RECOVERY_REASONS.map((reason) => told(session({ epoch: 1, moves: [move(2000, { reason })] }))[1] ?? '');
  t.is(new Set(words).size, RECOVERY_REASONS.length);
  for (const [index, reason] of RECOVERY_REASONS.entries()) t.false((words[index] ?? '').endsWith(`: ${reason}`));
});
