import type { SessionRecord } from '../../proto/session-record.ts';
import { Interner } from './interner.ts';
import { RecencyMap } from './recency-map.ts';

export interface CachedSession {
  readonly key: string;
  record: SessionRecord;
  generation: number;
  movedAt: number;
}

/**
 * The sessions that this node knows, about least recently used first out, with the number on each slot.
 * Parts that most sessions have in common (initialize params, capabilities) are held once: 50,000 sessions fit in some 40 MB.
 */
export class SessionCache {
  readonly #maxEntries: number;
  readonly #entries = new RecencyMap<CachedSession>();
  readonly #counts = new Map<string, Map<string, number>>();
  readonly #interner = new Interner(1000);
  /** Entries of an earlier generation may have missed a change. */
  #generation = 0;

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

  get(key: string): CachedSession | undefined {
    return this.#entries.use(key);
  }

  set(key: string, record: SessionRecord): void {
    this.delete(key);
    const shared = {
      ...record,
      initializeParams: this.#interner.share(record.initializeParams),
      capabilities: this.#interner.share(record.capabilities) as SessionRecord['capabilities'],
    };
    this.#entries.add({ key, record: shared, generation: this.#generation, movedAt: 0 });
    this.#count(record, 1);
    if (this.#entries.size > this.#maxEntries) this.delete(this.#entries.oldest!);
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
    if (!counts) this.#counts.set(record.server, (counts = new Map()));
    const count = (counts.get(record.slot) ?? 0) + change;
    if (count > 0) counts.set(record.slot, count);
    else counts.delete(record.slot);
  }
}

const OUTDATED = -1;
const NONE: ReadonlyMap<string, number> = new Map();
