import type { SessionMove } from '../../proto/session-record.ts';

/** A name is the operator's own, and a file or a cluster may give long ones. */
const MAX_NAME = 100;
const cut = (name: string | null): string | null => name?.slice(0, MAX_NAME) ?? null;

/** The moves that a record keeps after one more: the last `most`. `dropped`: how many it had to let go. */
export function keptMoves(
  before: readonly SessionMove[] | undefined,
  { from, to, ...move }: SessionMove,
  most: number,
): { moves: SessionMove[]; dropped: number } {
  const all = [...(before ?? []), { ...move, from: cut(from), to: cut(to) }];
  const moves = most > 0 ? all.slice(-most) : [];
  return { moves, dropped: all.length - moves.length };
}
