import type { SessionRecord } from '../../proto/session-record.ts';
import type { StoreErrorCode } from './store-error.ts';
import type { Change, LockToken } from './session-store.ts';

export type Found =
  | { kind: 'live'; record: SessionRecord }
  /** Ended by DELETE. Answer as for an unknown one. */
  | { kind: 'ended' }
  | { kind: 'unknown' }
  /** Not cached, and the store can't be asked now: nobody knows. */
  | { kind: 'unsure' };

export type Moved =
  /** `isDurable` is false when the store is away: the move holds on this node and is reconciled later. */
  | { kind: 'moved'; record: SessionRecord; isDurable: boolean }
  /** Somebody else moved it first: follow `record`. */
  | { kind: 'conflict'; record: SessionRecord }
  /** Ended or expired meanwhile: what was built upstream must be deleted. */
  | { kind: 'ended' }
  /** The record is of a later version of Holdfast, which alone may rewrite it. */
  | { kind: 'newer' };

export interface DirectoryEvents {
  /** A session lives elsewhere now, by this node's doing or another's. `record` only when this node did it. */
  moved: { server: string; digest: string; slot: string; epoch: number; record: SessionRecord | null };
  /** A session ended. */
  ended: { server: string; digest: string };
  /** A client wants its stream at another node: what this one holds is older. */
  claimed: { server: string; digest: string };
  /** Two nodes moved the same session without knowing of each other: `loser` is to be deleted at its replica, best effort. */
  superseded: { loser: SessionRecord; winner: SessionRecord };
  /** The store went away or came back. */
  store: { isReachable: boolean; reason: StoreErrorCode | null };
}

/**
 * This node's view of sessions: a bounded cache over the store, which goes on working when the store is slow or away.
 * No method rejects because of the store.
 */
export interface SessionDirectory {
  /** `isFresh` asks the store even when the record is cached (before a recovery decides). */
  find(server: string, digest: string, options?: { isFresh?: boolean }): Promise<Found>;
  /** What is cached, without waiting; undefined when it is not, or must be read again. */
  peek(server: string, digest: string): SessionRecord | undefined;
  /**
   * Reads a session into the cache in the background, once. If the store goes away and then the replica, this node can
   * still rebuild the sessions that it serves.
   */
  readAhead(server: string, digest: string): void;
  /** Keeps a new session. Waits for the store 50 ms at most, then writes behind: `local` says that other nodes don't know it yet. */
  remember(record: SessionRecord): Promise<'stored' | 'local' | 'conflict'>;
  /** Moves a session: `record.epoch` is `expectedEpoch + 1`. */
  move(record: SessionRecord, expectedEpoch: number): Promise<Moved>;
  /**
   * Changes log level, subscriptions, GET stream and the like. False when the session is not there any more.
   * `isOnlyWriter`: nobody else can have changed it since this node wrote it (its client has no answer yet), so it is not read again first.
   */
  amend(server: string, digest: string, change: Change, options?: { isOnlyWriter?: boolean }): Promise<boolean>;
  /** Ends a session for good. Returns what was known of it; null when nobody knew it, and then nothing is written. */
  tombstone(server: string, digest: string): Promise<SessionRecord | null>;
  /** Notes activity; written in batches. */
  touch(server: string, digest: string, atMs: number): void;
  /** Lock of one recovery across nodes; null while another node has it. With the store away the lock is local. */
  lock(server: string, digest: string, ttlMs: number): Promise<LockToken | null>;
  unlock(server: string, digest: string, token: LockToken): Promise<void>;
  /** Has the other nodes let go of the session's streams. False when nobody can be told. */
  claimStream(server: string, digest: string): Promise<boolean>;
  /** Sessions that live on a slot, longest idle first; from the cache when the store is away. */
  listSlot(server: string, slot: string, limit: number): Promise<SessionRecord[]>;
  /** Sessions of each slot that this node knows of: `slot → count`. */
  counts(server: string): ReadonlyMap<string, number>;
  readonly isStoreReachable: boolean;
  /** Cached sessions, and writes that wait for the store. */
  readonly sizes: { cached: number; behind: number; dropped: number };
  /** Returns a function that stops it. */
  on<E extends keyof DirectoryEvents>(event: E, listener: (detail: DirectoryEvents[E]) => void): () => void;
  /** Writes what is behind (2 s at most) and stops. The store stays open. */
  close(): Promise<void>;
}
