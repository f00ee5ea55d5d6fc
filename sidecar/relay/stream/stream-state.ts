import type { ReplicaCall } from '../../replica/client.ts';
import type { Lodging } from '../locate-session.ts';

/** A replica was asked for the stream. `sinceMs`: when its head came; null until then. */
export interface OpenStream {
  is: 'open';
  target: Lodging;
  call: ReplicaCall | null;
  sinceMs: number | null;
}

/** Another gateway's relay was asked for it. */
export interface HandedOverStream {
  is: 'handed-over';
  call: ReplicaCall | null;
}

/** Where a client's GET stream is. */
export type StreamState =
  | { is: 'locating' }
  | OpenStream
  /** Is the session still at `target`? */
  | { is: 'probing'; target: Lodging }
  /** The next attempt comes with the timer. */
  | { is: 'waiting'; target: Lodging; timer: NodeJS.Timeout }
  /** `target` is where the session was lost. */
  | { is: 'recovering'; target: Lodging }
  | HandedOverStream
  | { is: 'over' };
