import type { SessionRecord } from '../../proto/session-record.ts';

/** `newer`: the stored record was written by a later version of Holdfast; this one never rewrites it. */
export type UpdateResult = 'ok' | 'conflict' | 'missing' | 'newer';

/** What a reconciling write came to. `previous` and `stored` are what the store held before. */
export type ReconcileResult =
  | { kind: 'written'; previous: SessionRecord | null }
  | { kind: 'kept'; stored: SessionRecord };

/** What is not a move: log level, subscriptions, GET stream. Made on whatever is stored by then; a second time changes nothing. */
export type Change = (record: SessionRecord) => SessionRecord;

export interface Touch {
  server: string;
  digest: string;
  atMs: number;
}

/** A session moved or was amended (`slot` set), or ended (`slot` null). */
export interface SessionChange {
  server: string;
  digest: string;
  slot: string | null;
  epoch: number;
}

/** A client opened its event stream at another node. */
export interface StreamClaim {
  server: string;
  digest: string;
}

export interface StoreWatcher {
  onChange(change: SessionChange): void;
  onClaim(claim: StreamClaim): void;
  /** Changes may have been missed (the subscription was interrupted): whatever is cached must be read again. */
  onGap(): void;
}

/** What a lock's holder shows to give it back. */
export type LockToken = string;

/**
 * Where session records are kept. Every method rejects with a StoreError when the store can't be reached in time; refusals are values.
 * All times are ms since the epoch; `now` belongs to the implementation.
 */
export interface SessionStore {
  /** The record, also when it is a tombstone; null when it never was, expired or was forgotten. */
  find(server: string, digest: string): Promise<SessionRecord | null>;
  exists(server: string, digest: string): Promise<boolean>;
  /**
   * Writes a new record; `conflict` when that digest has one already, or a tombstone. Until it is used it lives for `firstSeconds` only; as long as
   * any when left out.
   */
  create(record: SessionRecord, ttlSeconds: number, firstSeconds?: number): Promise<'ok' | 'conflict'>;
  /** Compare-and-set on the epoch. A move carries `epoch: expectedEpoch + 1`. A tombstone is never overwritten (`conflict`). */
  update(record: SessionRecord, expectedEpoch: number): Promise<UpdateResult>;
  /**
   * Reads, changes and writes back what is not a move (log level, subscriptions, GET stream), again if another writer came between.
   * `change` gets the stored record and must keep its epoch; returns the record as written.
   */
  amend(
    server: string,
    digest: string,
    expectedEpoch: number,
    change: Change,
  ): Promise<{ kind: 'ok'; record: SessionRecord } | { kind: Exclude<UpdateResult, 'ok'> }>;
  /** Writes unless the store has the same or a higher epoch, or a tombstone: how writes made without the store are brought back. */
  reconcile(record: SessionRecord, ttlSeconds: number): Promise<ReconcileResult>;
  /** Slides the expiry and notes the activity of many sessions in one round trip per server. Unknown ones are passed over. */
  touch(touches: readonly Touch[]): Promise<void>;
  /**
   * Ends a session for good, whatever its epoch; kept for `ttlSeconds` so that nobody rebuilds it. Returns what was there. Where no record is, nothing
   * is written unless `isKnown`: the caller has a record that the store has lost or has yet to learn.
   */
  tombstone(server: string, digest: string, ttlSeconds: number, isKnown?: boolean): Promise<SessionRecord | null>;
  /** Deletes the record without a trace. True when there was one. */
  forget(server: string, digest: string): Promise<boolean>;
  /** A lock for one recovery; null while somebody else has it. It frees itself after `ttlMs`. */
  lock(server: string, digest: string, owner: string, ttlMs: number): Promise<LockToken | null>;
  /** False when the lock was not (any more) this token's. */
  unlock(server: string, digest: string, token: LockToken): Promise<boolean>;
  /** Sessions that live on a slot, longest idle first. */
  listSlot(server: string, slot: string, limit: number): Promise<SessionRecord[]>;
  /** Tells the other nodes that a session's stream is wanted here. False: there can be no others. */
  claimStream(server: string, digest: string): Promise<boolean>;
  /** Number of sessions on a slot; may count some that expired a moment ago. */
  countSlot(server: string, slot: string): Promise<number>;
  /** What all that share the store have as their secret: `proposal`, if nobody came before. */
  agreeOnSecret(proposal: string): Promise<string>;
  /** Round trip of a small write, in ms: a store that only answers is of no use. */
  ping(): Promise<number>;
  /** Reports changes by other nodes. Returns a function that stops it. */
  watch(watcher: StoreWatcher): () => void;
  close(): Promise<void>;
}
