import type { SessionRecord } from '../../proto/session-record.ts';
import { Interner } from './interner.ts';

export interface CachedSession { record: SessionRecord; generation: number; /** Which read of the cache put it at the end of the order. */ movedAt: number }

/** After so many reads, as a share of what is held, an entry that is read goes to the end of the order again. */
const MOVED_AGAIN = 1 / 8;

/**
 * The sessions that this node knows, about least recently used first out, with the number on each slot.
 * Parts that most sessions have in common (initialize params, capabilities) are held once: 50,000 sessions fit in some 40 MB.
 */
export class SessionCache {
  readonly #maxEntries: number;
  readonly #entries = new Map<string, CachedSession>();
  readonly #counts = new Map<string, Map<string, number>>();
  readonly #interner = new Interner(1000);
  /** Entries of an earlier generation may have missed a change. */
  #generation = 0;
  #reads = 0;

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  static key(server: string, digest: string): string {
    return `${server}:${digest}`;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** From now on every entry counts as possibly outdated. */
  startGeneration(): void {
    this.#generation += 1;
  }

  isCurrent(entry: CachedSession): boolean {
    return entry.generation === this.#generation;
  }

  /** This entry counts as outdated: to be read again, and good enough only while that can't be done. */
  outdate(key: string): void {
    const entry = this.#entries.get(key);
    if (entry) entry.generation = OUTDATED;
  }

  /**
   * Moves what it gives to the end of the order, but not on every read: V8's Map keeps what was deleted in its chains until it grows, so that a
   * session that is asked for all the time would make each of its reads walk over thousands of them.
   */
  get(key: string): CachedSession | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#reads += 1;
    if (this.#reads - entry.movedAt > this.#entries.size * MOVED_AGAIN) {
      this.#entries.delete(key);
      this.#entries.set(key, entry);
      entry.movedAt = this.#reads;
    }
    return entry;
  }

  set(key: string, record: SessionRecord): void {
    this.delete(key);
    const shared = {
      ...record,
      initializeParams: this.#interner.share(record.initializeParams),
      capabilities: this.#interner.share(record.capabilities) as SessionRecord['capabilities'],
    };
    this.#entries.set(key, { record: shared, generation: this.#generation, movedAt: this.#reads });
    this.#count(record, 1);
    if (this.#entries.size > this.#maxEntries) this.delete(this.#entries.keys().next().value!);
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#count(entry.record, -1);
  }

  /** Drops entries from the least recently used end for as long as `isExpired` says so. */
  expire(isExpired: (record: SessionRecord) => boolean): void {
    for (const [key, entry] of this.#entries) {
      if (!isExpired(entry.record)) return;
      this.delete(key);
    }
  }

  counts(server: string): ReadonlyMap<string, number> {
    return this.#counts.get(server) ?? NONE;
  }

  /** Least recently used first. */
  onSlot(server: string, slot: string, limit: number): SessionRecord[] {
    const records: SessionRecord[] = [];
    for (const { record } of this.#entries.values()) {
      if (records.length === limit) break;
      if (record.server === server && record.slot === slot && !record.isTombstone) records.push(record);
    }
    return records;
  }

  #count(record: SessionRecord, change: 1 | -1): void {
    if (record.isTombstone) return;
    let counts = this.#counts.get(record.server);
    if (!counts) this.#counts.set(record.server, counts = new Map());
    const count = (counts.get(record.slot) ?? 0) + change;
    if (count > 0) counts.set(record.slot, count);
    else counts.delete(record.slot);
  }
}

const OUTDATED = -1;
const NONE: ReadonlyMap<string, number> = new Map();
