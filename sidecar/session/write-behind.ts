import type { SessionRecord } from '../../proto/session-record.ts';
import type { Change } from './session-store.ts';

/** `changes`: the store had the record before them, so they can be made on what it holds by then. Null: it is to have the record as it is here. */
export interface PendingRecord {
  kind: 'record';
  record: SessionRecord;
  changes: readonly Change[] | null;
}
/** `isKnown`: this node had the record, so the tombstone is written even where the store has none. */
export interface PendingTombstone {
  kind: 'tombstone';
  server: string;
  digest: string;
  isKnown: boolean;
}
export type PendingWrite = PendingRecord | PendingTombstone;

/** Beyond it, changes are kept as the record that they made. */
const MOST_CHANGES = 64;

/** A change more upon what the store has yet to learn of a session. */
export function changed(record: SessionRecord, pending: PendingRecord | undefined, change: Change): PendingRecord {
  const before = pending ? pending.changes : [];
  return {
    kind: 'record',
    record: change(structuredClone(record)),
    changes: before === null || before.length >= MOST_CHANGES ? null : [...before, change],
  };
}

/** What the store has yet to learn: the latest state of each session, bounded; beyond the bound the oldest is given up. */
export class WriteBehind {
  readonly #maxWrites: number;
  readonly #maxCharacters: number;
  readonly #writes = new Map<string, { write: PendingWrite; characters: number }>();
  #characters = 0;
  #dropped = 0;

  /** `maxCharacters`: JSON of all records together. */
  constructor(maxWrites: number, maxCharacters: number) {
    this.#maxWrites = maxWrites;
    this.#maxCharacters = maxCharacters;
  }

  get size(): number {
    return this.#writes.size;
  }

  /** Sessions that the store will never learn of. */
  get dropped(): number {
    return this.#dropped;
  }

  get(key: string): PendingWrite | undefined {
    return this.#writes.get(key)?.write;
  }

  /** A tombstone is never replaced by a record. */
  put(key: string, write: PendingWrite): void {
    if (write.kind === 'record' && this.get(key)?.kind === 'tombstone') return;
    this.#delete(key);
    const characters = write.kind === 'record' ? JSON.stringify(write.record).length : 0;
    this.#writes.set(key, { write, characters });
    this.#characters += characters;
    while (this.#writes.size > this.#maxWrites || (this.#characters > this.#maxCharacters && this.#writes.size > 1)) {
      this.#delete(this.#writes.keys().next().value ?? key);
      this.#dropped += 1;
    }
  }

  /** Forgets a write that was done, unless a later one took its place. */
  settle(key: string, write: PendingWrite): void {
    if (this.get(key) === write) this.#delete(key);
  }

  #delete(key: string): void {
    this.#characters -= this.#writes.get(key)?.characters ?? 0;
    this.#writes.delete(key);
  }

  next(count: number): [string, PendingWrite][] {
    const next: [string, PendingWrite][] = [];
    for (const [key, { write }] of this.#writes) {
      if (next.length === count) break;
      next.push([key, write]);
    }
    return next;
  }
}
