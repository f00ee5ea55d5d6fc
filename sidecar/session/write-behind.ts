import type { SessionRecord } from '../../proto/session-record.ts';

export type PendingWrite = { kind: 'record'; record: SessionRecord } | { kind: 'tombstone'; server: string; digest: string };

/** What the store has yet to learn: the latest state of each session, bounded; beyond the bound the oldest is given up. */
export class WriteBehind {
  readonly #maxWrites: number;
  readonly #writes = new Map<string, PendingWrite>();
  #dropped = 0;

  constructor(maxWrites: number) {
    this.#maxWrites = maxWrites;
  }

  get size(): number {
    return this.#writes.size;
  }

  /** Sessions that the store will never learn of. */
  get dropped(): number {
    return this.#dropped;
  }

  get(key: string): PendingWrite | undefined {
    return this.#writes.get(key);
  }

  /** A tombstone is never replaced by a record. */
  put(key: string, write: PendingWrite): void {
    if (write.kind === 'record' && this.#writes.get(key)?.kind === 'tombstone') return;
    this.#writes.delete(key);
    this.#writes.set(key, write);
    if (this.#writes.size <= this.#maxWrites) return;
    this.#writes.delete(this.#writes.keys().next().value!);
    this.#dropped += 1;
  }

  /** Forgets a write that was done, unless a later one took its place. */
  settle(key: string, write: PendingWrite): void {
    if (this.#writes.get(key) === write) this.#writes.delete(key);
  }

  next(count: number): [string, PendingWrite][] {
    const next: [string, PendingWrite][] = [];
    for (const entry of this.#writes) {
      if (next.length === count) break;
      next.push(entry);
    }
    return next;
  }
}
