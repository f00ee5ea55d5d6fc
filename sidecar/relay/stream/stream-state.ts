import type { ReplicaCall } from '../../replica/client.ts';
import type { AttemptTrace } from '../../tracing/attempt-trace.ts';
import type { Release } from './stream-admission.ts';
import type { SessionLocation } from '../call/locate-session.ts';

/**
 * A replica was asked for the stream. `sinceMs`: when its head came; null until then. `release` gives its place in the retry budget back, `late` is
 * the timer of an answer that does not begin.
 */
export interface OpenStream {
  is: 'open';
  target: SessionLocation;
  call: ReplicaCall | null;
  sinceMs: number | null;
  release: Release;
  late: NodeJS.Timeout | undefined;
  /** Null or absent: nobody traces it. */
  trace?: AttemptTrace | null;
}

/** Another gateway's relay was asked for it. */
export interface HandedOverStream {
  is: 'handed-over';
  call: ReplicaCall | null;
}

/** Where a client's GET stream is. */
export type StreamState =
  | { is: 'locating' }
  /** A place in the retry budget is awaited, to ask at `target` once more. */
  | { is: 'admitting'; target: SessionLocation }
  | OpenStream
  /** The other nodes are asked to let go of the session's streams. */
  | { is: 'claiming'; target: SessionLocation }
  /** Is the session still at `target`? */
  | { is: 'probing'; target: SessionLocation }
  /** The next attempt comes with the timer. */
  | { is: 'waiting'; target: SessionLocation; timer: NodeJS.Timeout }
  /** `target` is where the session was lost. */
  | { is: 'recovering'; target: SessionLocation }
  | HandedOverStream
  | { is: 'over' };

/** An attempt is over, or its answer has begun. */
export function answered({ late, release }: OpenStream): void {
  clearTimeout(late);
  release();
}

/** What is under way to a replica, or to a neighbour. */
export const callOf = (state: StreamState): ReplicaCall | null =>
  state.is === 'open' || state.is === 'handed-over' ? state.call : null;
