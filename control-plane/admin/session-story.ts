import type { RecoveryReason } from '../../proto/recovery-reason.ts';
import type { SessionView } from './session-reader.ts';

/** One thing that happened to a session. */
export interface StoryLine {
  /** Null for moves that nobody kept. */
  atMs: number | null;
  kind: 'began' | 'moved' | 'not-kept' | 'ended';
  /** One sentence for people. */
  message: string;
  /** How long a move took; null for what is no move. */
  tookMs: number | null;
}

const WHY: Record<RecoveryReason, string> = {
  unreachable: 'the replica did not answer or broke off',
  'unknown-session': 'the replica no longer knew the session',
  uninitialized: 'the replica took the session for one that was never initialized',
  unhealthy: 'the replica was unhealthy',
  drain: 'the replica drains',
  breaker: 'the circuit breaker of the replica was open',
  hanging: 'the replica hung',
  'stream-held': 'the replica kept the event stream of a gateway that was gone',
  'split-brain': 'two gateways had moved the session without knowing of each other',
};

const isKnown = (reason: string): reason is RecoveryReason => Object.hasOwn(WHY, reason);
const why = (reason: string): string => (isKnown(reason) ? WHY[reason] : reason);

/** A session from its beginning to now, as far as its record tells. `nameOf`: the replica that has a slot now. */
export function sessionStory(
  { moves, epoch, slot, createdAtMs, endedAtMs }: SessionView,
  nameOf: (slot: string) => string | null,
): StoryLine[] {
  const placed = (name: string | null, at: string): string => {
    const known = name ?? nameOf(at);
    return known === null ? `a replica that is gone (slot ${at})` : `${known} (slot ${at})`;
  };
  const notKept = Math.max(0, epoch - moves.length);
  const [first] = moves;
  const beginning = notKept > 0 ? '' : ` on ${first ? placed(first.from, first.fromSlot) : placed(null, slot)}`;
  return [
    { atMs: createdAtMs, kind: 'began', message: `began${beginning}`, tookMs: null },
    ...(notKept > 0 ? [forgotten(notKept)] : []),
    ...moves.map((move, index): StoryLine => {
      const before = moves[index - 1];
      const from = move.from ?? (before?.toSlot === move.fromSlot ? before.to : null);
      return {
        atMs: move.atMs,
        kind: 'moved',
        message: `moved from ${placed(from, move.fromSlot)} to ${placed(move.to, move.toSlot)}: ${why(move.reason)}`,
        tookMs: move.tookMs,
      };
    }),
    ...(endedAtMs === null ? [] : [{ atMs: endedAtMs, kind: 'ended' as const, message: 'ended', tookMs: null }]),
  ];
}

const forgotten = (count: number): StoryLine => ({
  atMs: null,
  kind: 'not-kept',
  message: `${count === 1 ? 'one move was' : `${count} moves were`} not kept (servers[].limits.keptMoves)`,
  tookMs: null,
});
