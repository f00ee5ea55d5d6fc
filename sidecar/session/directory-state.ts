import { detach } from '../../proto/detach.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import { systemClock, type Clock } from './clock.ts';
import type { DirectoryOptions } from './directory-options.ts';
import { SessionCache } from './session-cache.ts';
import type { DirectoryEvents, Moved } from './session-directory.ts';
import type { Change, SessionStore } from './session-store.ts';
import { StoreHealth, type Asked } from './store-health.ts';
import { firstLifeSeconds, isUnused } from './unused-session.ts';
import { changed, WriteBehind, type PendingWrite } from './write-behind.ts';

/** Heap for each cached session, taken together: 96 MiB for 50,000. Sessions of usual size never come near it. */
const BYTES_PER_SESSION = 2000;
/** JSON of the records that the store has yet to learn: 20,000 of usual size have half of it. */
const MAX_BEHIND_CHARACTERS = 32 << 20;

export const isSameUpstreamSession = (a: SessionRecord, b: SessionRecord): boolean =>
  a.slot === b.slot && a.upstreamId === b.upstreamId;

/** What an answer to a question about the store comes to. `refused`: the store refused it, or can't read it. */
export type StoreAnswer<T> = Asked<T> | { kind: 'refused' };

/** What the parts of a directory share: the cache, what the store has yet to learn, and who listens. */
export class DirectoryState {
  readonly store: SessionStore;
  readonly clock: Clock;
  readonly cache: SessionCache;
  readonly behind: WriteBehind;
  readonly storeHealth: StoreHealth;
  readonly writeLimitMs: number;
  readonly readLimitMs: number;
  readonly ttlSeconds: (server: string) => number;
  readonly onError: (error: unknown) => void;
  readonly #unusedSeconds: (server: string) => number;
  readonly #listeners: { [E in keyof DirectoryEvents]: Set<(detail: DirectoryEvents[E]) => void> } = {
    moved: new Set(),
    ended: new Set(),
    claimed: new Set(),
    superseded: new Set(),
    store: new Set(),
  };

  constructor(options: DirectoryOptions) {
    this.store = options.store;
    this.clock = options.clock ?? systemClock;
    const maxCached = options.maxCached ?? 50_000;
    this.cache = new SessionCache(maxCached, maxCached * BYTES_PER_SESSION, options.onEvict);
    this.behind = new WriteBehind(options.maxBehind ?? 20_000, MAX_BEHIND_CHARACTERS);
    this.writeLimitMs = options.writeLimitMs ?? 50;
    this.readLimitMs = options.readLimitMs ?? 250;
    this.ttlSeconds = options.ttlSeconds;
    this.onError = options.onError ?? (() => {});
    this.#unusedSeconds = options.unusedSeconds ?? (() => 0);
    this.storeHealth = new StoreHealth(this.store, this.clock, (isReachable, reason) => {
      this.emit('store', { isReachable, reason });
    });
  }

  on<E extends keyof DirectoryEvents>(event: E, listener: (detail: DirectoryEvents[E]) => void): () => void {
    this.#listeners[event].add(listener);
    return () => {
      this.#listeners[event].delete(listener);
    };
  }

  emit<E extends keyof DirectoryEvents>(event: E, detail: DirectoryEvents[E]): void {
    for (const listener of this.#listeners[event]) listener(detail);
  }

  /** Asks the store. What it refuses or can't read is reported, and the caller goes on as without the store. */
  async ask<T>(limitMs: number, question: () => Promise<T>): Promise<StoreAnswer<T>> {
    try {
      return await this.storeHealth.ask(limitMs, question);
    } catch (error) {
      this.onError(error);
      return { kind: 'refused' };
    }
  }

  /** Seconds that a session lives which nobody has used yet. */
  firstLife(record: SessionRecord): number {
    return firstLifeSeconds(record, this.ttlSeconds(record.server), this.#unusedSeconds(record.server));
  }

  isExpired(record: SessionRecord): boolean {
    const seconds = isUnused(record) ? this.firstLife(record) : this.ttlSeconds(record.server);
    return record.lastActivityMs + seconds * 1000 <= this.clock.now();
  }

  /** The record that this node has, written or not. */
  known(key: string): SessionRecord | undefined {
    const pending = this.behind.get(key);
    if (pending) return pending.kind === 'record' ? pending.record : undefined;
    const entry = this.cache.get(key);
    return entry && !this.isExpired(entry.record) ? entry.record : undefined;
  }

  isEndedHere(key: string): boolean {
    return this.behind.get(key)?.kind === 'tombstone';
  }

  /** Keeps what the store has yet to learn. When the answer was only late, the write may still succeed. */
  keepBehind(
    key: string,
    write: PendingWrite,
    answer?: StoreAnswer<unknown>,
    isWritten?: (value: unknown) => boolean,
  ): void {
    this.behind.put(key, write);
    if (answer?.kind !== 'late') return;
    const settled = answer.eventually.then((value) => {
      if (isWritten?.(value) ?? true) this.behind.settle(key, write);
    });
    detach(settled, () => {});
  }

  /** Changes what is known here now, while the store does not answer or has not learnt all. Changes made meanwhile are part of it. */
  amendBehind(key: string, record: SessionRecord, change: Change): void {
    const pending = this.behind.get(key);
    if (pending?.kind === 'tombstone') return;
    const write = changed(this.known(key) ?? record, pending, change);
    this.cache.set(key, write.record);
    this.keepBehind(key, write);
  }

  /** The session is where `record` says from now on. */
  settleMove(record: SessionRecord, isDurable: boolean): Moved {
    const { server, digest, slot, epoch } = record;
    this.cache.set(SessionCache.key(server, digest), record);
    this.emit('moved', { server, digest, slot, epoch, record });
    return { kind: 'moved', record, isDurable };
  }
}
