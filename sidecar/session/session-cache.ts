import { LRUCache } from 'lru-cache';
import type { SessionRecord } from '../../proto/session-record.ts';
import { Interner } from './interner.ts';

export interface CachedSession {
  record: SessionRecord;
  generation: number;
  /** JSON of parts that it alone has, in characters. */
  readonly characters: number;
  /** What it takes of the heap, about. */
  readonly bytes: number;
}

/** A record without what sessions differ in. */
const PLAIN_RECORD_BYTES = 700;
/** Heap for one character of JSON: many small objects take several times their text. */
const BYTES_PER_CHARACTER = 4;

/**
 * The sessions that this node knows, least recently used first out, with the number on each slot.
 * Parts that most sessions have in common (initialize params, capabilities) are held once: 50,000 sessions fit in some 40 MB.
 * Those that differ are bounded by their size: a session of 64 KiB takes the place of hundreds.
 */
export class SessionCache {
  readonly #entries: LRUCache<string, CachedSession>;
  readonly #counts = new Map<string, Map<string, number>>();
  readonly #interner = new Interner(1000);
  /** Entries of an earlier generation may have missed a change. */
  #generation = 0;

  /** `onEvict` is told of each entry that made room for another. */
  constructor(maxEntries: number, maxBytes: number, onEvict?: () => void) {
    this.#entries = new LRUCache({
      max: maxEntries,
      maxSize: maxBytes,
      sizeCalculation: ({ bytes }) => bytes,
      onInsert: ({ record }) => this.#count(record, 1),
      dispose: ({ record }, _key, reason) => {
        this.#count(record, -1);
        if (reason === 'evict') onEvict?.();
      },
    });
  }

  static key(server: string, digest: string): string {
    return `${server}:${digest}`;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Heap of all entries, about. */
  get bytes(): number {
    return this.#entries.calculatedSize;
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
    const entry = this.#entries.peek(key);
    if (entry) entry.generation = OUTDATED;
  }

  get(key: string): CachedSession | undefined {
    return this.#entries.get(key);
  }

  set(key: string, record: SessionRecord): void {
    const before = this.#entries.peek(key);
    const params = this.#interner.share(record.initializeParams),
      capabilities = this.#interner.share(record.capabilities);
    const shared = {
      ...record,
      initializeParams: params.value,
      capabilities: capabilities.value as SessionRecord['capabilities'],
    };
    // Who was the first to have these parts goes on paying for them.
    const isSame = before !== undefined && before.record.initializeParams === params.value;
    const characters = isSame ? before.characters : params.characters + capabilities.characters;
    const bytes = bytesOf(record, characters);
    this.#entries.set(key, { record: shared, generation: this.#generation, characters, bytes });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** Drops entries from the least recently used end for as long as `isExpired` says so. */
  expire(isExpired: (record: SessionRecord) => boolean): void {
    for (;;) {
      const key = this.#entries.rkeys().next().value;
      const oldest = key === undefined ? undefined : this.#entries.peek(key);
      if (key === undefined || !oldest || !isExpired(oldest.record)) return;
      this.delete(key);
    }
  }

  counts(server: string): ReadonlyMap<string, number> {
    return this.#counts.get(server) ?? NONE;
  }

  /** Least recently used first. */
  onSlot(server: string, slot: string, limit: number): SessionRecord[] {
    const records: SessionRecord[] = [];
    for (const entry of this.#entries.rvalues()) {
      if (!entry || records.length === limit) break;
      const { record } = entry;
      if (record.server === server && record.slot === slot && !record.isTombstone) records.push(record);
    }
    return records;
  }

  #count(record: SessionRecord, change: 1 | -1): void {
    if (record.isTombstone) return;
    let counts = this.#counts.get(record.server);
    if (!counts) {
      counts = new Map();
      this.#counts.set(record.server, counts);
    }
    const count = (counts.get(record.slot) ?? 0) + change;
    if (count > 0) counts.set(record.slot, count);
    else counts.delete(record.slot);
  }
}

function bytesOf({ subscriptions }: SessionRecord, characters: number): number {
  const text = subscriptions.reduce((sum, each) => sum + each.length, 0);
  return PLAIN_RECORD_BYTES + text + characters * BYTES_PER_CHARACTER;
}

const OUTDATED = -1;
const NONE: ReadonlyMap<string, number> = new Map();
