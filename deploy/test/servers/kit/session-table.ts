/** What the table must know of a session. */
export interface TableEntry {
  lastUsedMs: number;
  openRequests: number;
  close(): Promise<void>;
}

/** Sessions by id, bounded in number and in idle time. A session with a request or stream open is not idle. */
export class SessionTable<T extends TableEntry> {
  readonly #entries = new Map<string, T>();
  readonly #max: number;
  readonly #ttlMs: number;

  constructor(limits: { max: number; ttlMs: number }) {
    this.#max = limits.max;
    this.#ttlMs = limits.ttlMs;
  }

  get size(): number {
    return this.#entries.size;
  }
  get isFull(): boolean {
    return this.#entries.size >= this.#max;
  }

  add(id: string, entry: T): void {
    this.#entries.set(id, entry);
  }
  values(): IterableIterator<T> {
    return this.#entries.values();
  }
  remove(id: string): boolean {
    return this.#entries.delete(id);
  }

  use(id: string, nowMs: number): T | undefined {
    const entry = this.#entries.get(id);
    if (entry) entry.lastUsedMs = nowMs;
    return entry;
  }

  /** Takes out what has been idle for too long; the caller closes it. */
  reap(nowMs: number): T[] {
    const gone: T[] = [];
    for (const [id, entry] of this.#entries) {
      if (entry.openRequests > 0 || nowMs - entry.lastUsedMs <= this.#ttlMs) continue;
      this.#entries.delete(id);
      gone.push(entry);
    }
    return gone;
  }
}
