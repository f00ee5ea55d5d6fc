import { detach } from '../../proto/detach.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import type { DirectoryOptions } from './directory-options.ts';
import { DirectoryState } from './directory-state.ts';
import { loadSession } from './load-session.ts';
import { LocalLocks } from './local-locks.ts';
import { moveSession } from './move-session.ts';
import { SessionCache } from './session-cache.ts';
import type { DirectoryEvents, Found, Moved, SessionDirectory } from './session-directory.ts';
import type { Change, LockToken, SessionChange } from './session-store.ts';
import { TouchBatch } from './touch-batch.ts';
import { WriteBack } from './write-back.ts';
import type { PendingWrite } from './write-behind.ts';

const TOUCH_INTERVAL_MS = 1000;
const CLOSE_LIMIT_MS = 2000;
/** Beyond it, sessions are read ahead a second time. */
const MAX_READ_AHEAD = 100_000;

/** The directory over a store: see SessionDirectory. */
export const createSessionDirectory = (options: DirectoryOptions): SessionDirectory => new CachedDirectory(options);

class CachedDirectory implements SessionDirectory {
  readonly #state: DirectoryState;
  readonly #nodeId: string;
  readonly #locks: LocalLocks;
  readonly #writeBack: WriteBack;
  readonly #touches = new TouchBatch(50_000);
  /** Sessions that were read ahead of need, so that each is read once. */
  readonly #readAhead = new Set<string>();
  readonly #stops: Array<() => void>;

  constructor(options: DirectoryOptions) {
    this.#state = new DirectoryState(options);
    const { clock, store, cache } = this.#state;
    this.#nodeId = options.nodeId;
    this.#locks = new LocalLocks(options.nodeId, clock);
    this.#writeBack = new WriteBack(this.#state);
    this.#stops = [
      this.on('store', ({ isReachable }) => {
        if (isReachable) detach(() => this.#writeBack.run(), this.#state.onError);
      }),
      clock.every(TOUCH_INTERVAL_MS, () => this.#tick()),
      store.watch({
        onGap: () => cache.startGeneration(),
        onChange: (change) => this.#onChange(change),
        onClaim: (claim) => this.#state.emit('claimed', claim),
      }),
    ];
  }

  async find(server: string, digest: string, { isFresh = false } = {}): Promise<Found> {
    const { cache, storeHealth } = this.#state;
    const key = SessionCache.key(server, digest);
    if (this.#state.isEndedHere(key)) return { kind: 'ended' };
    const entry = cache.get(key);
    const mayServe = !isFresh && entry && !this.#state.isExpired(entry.record);
    if (mayServe && (cache.isCurrent(entry) || !storeHealth.isReachable)) return { kind: 'live', record: entry.record };
    return loadSession(this.#state, server, digest);
  }

  peek(server: string, digest: string): SessionRecord | undefined {
    const { cache } = this.#state;
    const entry = cache.get(SessionCache.key(server, digest));
    return entry && cache.isCurrent(entry) && !this.#state.isExpired(entry.record) ? entry.record : undefined;
  }

  readAhead(server: string, digest: string): void {
    const key = SessionCache.key(server, digest);
    if (this.#readAhead.has(key) || this.#state.known(key) || !this.isStoreReachable) return;
    if (this.#readAhead.size >= MAX_READ_AHEAD) this.#readAhead.clear();
    this.#readAhead.add(key);
    detach(() => loadSession(this.#state, server, digest), this.#state.onError);
  }

  async remember(record: SessionRecord): Promise<'stored' | 'local' | 'conflict'> {
    const { cache, store, ttlSeconds, writeLimitMs } = this.#state;
    cache.expire((each) => this.#state.isExpired(each));
    const key = SessionCache.key(record.server, record.digest),
      firstLife = this.#state.firstLife(record);
    const answer = await this.#state.ask(writeLimitMs, () =>
      store.create(record, ttlSeconds(record.server), firstLife),
    );
    if (answer.kind === 'answered' && answer.value === 'conflict') return 'conflict';
    cache.set(key, record);
    if (answer.kind === 'answered') return 'stored';
    this.#state.keepBehind(key, { kind: 'record', record, changes: null }, answer);
    return 'local';
  }

  move(record: SessionRecord, expectedEpoch: number): Promise<Moved> {
    return moveSession(this.#state, record, expectedEpoch);
  }

  async amend(server: string, digest: string, change: Change, { isOnlyWriter = false } = {}): Promise<boolean> {
    const key = SessionCache.key(server, digest),
      own = isOnlyWriter && !this.#state.behind.get(key) ? this.peek(server, digest) : undefined;
    if (own) return this.#amendOwn(key, own, change);
    for (let tries = 0; tries < 3; tries += 1) {
      const found = await this.find(server, digest, { isFresh: tries > 0 });
      if (found.kind !== 'live') return false;
      const isAmended = await this.#amendStored(key, found.record, change);
      if (isAmended !== 'again') return isAmended;
    }
    return false;
  }

  /** A record that nobody else can have changed is written as a whole. */
  async #amendOwn(key: string, own: SessionRecord, change: Change): Promise<boolean> {
    const { cache, store, readLimitMs } = this.#state;
    const record = change({ ...own });
    cache.set(key, record);
    const answer = await this.#state.ask(readLimitMs, () => store.update(record, own.epoch));
    if (answer.kind === 'answered') return answer.value === 'ok';
    this.#state.keepBehind(key, { kind: 'record', record, changes: null }, answer);
    return true;
  }

  /** `again`: another node moved the session meanwhile. */
  async #amendStored(key: string, record: SessionRecord, change: Change): Promise<boolean | 'again'> {
    const { behind, cache, store, readLimitMs } = this.#state;
    const { server, digest, epoch } = record;
    const answer = await this.#state.ask(readLimitMs, () => store.amend(server, digest, epoch, change));
    if (answer.kind !== 'answered' || (answer.value.kind === 'ok' && behind.get(key))) {
      this.#state.amendBehind(key, record, change);
      return true;
    }
    if (answer.value.kind === 'newer') return false;
    if (answer.value.kind !== 'ok') return 'again';
    cache.set(key, answer.value.record);
    return true;
  }

  async tombstone(server: string, digest: string): Promise<SessionRecord | null> {
    const { cache, behind, store, ttlSeconds, readLimitMs } = this.#state;
    const key = SessionCache.key(server, digest),
      local = this.#state.known(key) ?? null,
      before = behind.get(key),
      isKnown = local !== null || (before?.kind === 'tombstone' && before.isKnown);
    cache.delete(key);
    this.#touches.drop(server, digest);
    const answer = await this.#state.ask(readLimitMs, () =>
      store.tombstone(server, digest, ttlSeconds(server), isKnown),
    );
    if (answer.kind !== 'answered') {
      const write: PendingWrite = { kind: 'tombstone', server, digest, isKnown };
      this.#state.keepBehind(key, write, answer);
      this.#state.emit('ended', { server, digest });
      return local;
    }
    const pending = behind.get(key);
    if (pending) behind.settle(key, pending);
    const found = answer.value ?? local;
    if (found) this.#state.emit('ended', { server, digest });
    return found;
  }

  touch(server: string, digest: string, atMs: number): void {
    const entry = this.#state.cache.get(SessionCache.key(server, digest));
    if (entry && entry.record.lastActivityMs < atMs) entry.record.lastActivityMs = atMs;
    this.#touches.add({ server, digest, atMs });
  }

  async lock(server: string, digest: string, ttlMs: number): Promise<LockToken | null> {
    const { store, readLimitMs } = this.#state;
    const answer = await this.#state.ask(readLimitMs, () => store.lock(server, digest, this.#nodeId, ttlMs));
    return answer.kind === 'answered' ? answer.value : this.#locks.lock(server, digest, ttlMs);
  }

  async unlock(server: string, digest: string, token: LockToken): Promise<void> {
    const { store, readLimitMs } = this.#state;
    if (this.#locks.unlock(server, digest, token)) return;
    await this.#state.ask(readLimitMs, () => store.unlock(server, digest, token));
  }

  async listSlot(server: string, slot: string, limit: number): Promise<SessionRecord[]> {
    const { store, cache, readLimitMs } = this.#state;
    const answer = await this.#state.ask(readLimitMs * 4, () => store.listSlot(server, slot, limit));
    return answer.kind === 'answered' ? answer.value : cache.onSlot(server, slot, limit);
  }

  async claimStream(server: string, digest: string): Promise<boolean> {
    const { store, readLimitMs } = this.#state;
    const answer = await this.#state.ask(readLimitMs, () => store.claimStream(server, digest));
    return answer.kind === 'answered' && answer.value;
  }

  counts(server: string): ReadonlyMap<string, number> {
    return this.#state.cache.counts(server);
  }

  get isStoreReachable(): boolean {
    return this.#state.storeHealth.isReachable;
  }

  get sizes(): { cached: number; behind: number; dropped: number } {
    const { cache, behind } = this.#state;
    return { cached: cache.size, behind: behind.size, dropped: behind.dropped };
  }

  on<E extends keyof DirectoryEvents>(event: E, listener: (detail: DirectoryEvents[E]) => void): () => void {
    return this.#state.on(event, listener);
  }

  async close(): Promise<void> {
    for (const stop of this.#stops) stop();
    const limit = Promise.withResolvers<void>();
    const stopLimit = this.#state.clock.after(CLOSE_LIMIT_MS, limit.resolve);
    await Promise.race([this.#flushTouches().then(() => this.#writeBack.run()), limit.promise]);
    stopLimit();
    this.#state.storeHealth.stop();
  }

  #tick(): void {
    const { onError, behind } = this.#state;
    detach(() => this.#flushTouches(), onError);
    if (this.isStoreReachable && behind.size > 0) detach(() => this.#writeBack.run(), onError);
  }

  async #flushTouches(): Promise<void> {
    if (!this.isStoreReachable) return; // They stay in the batch, which is bounded.
    const { store, readLimitMs } = this.#state;
    const batch = this.#touches.take();
    if (batch.length === 0) return;
    const answer = await this.#state.ask(readLimitMs * 4, () => store.touch(batch));
    if (answer.kind !== 'answered') for (const one of batch) this.#touches.add(one);
  }

  /** Another node changed a session. */
  #onChange({ server, digest, slot, epoch }: SessionChange): void {
    const { cache } = this.#state;
    const key = SessionCache.key(server, digest),
      cached = cache.get(key);
    this.#readAhead.delete(key);
    // Amended elsewhere: it is the same upstream session, and all that is known of it if the store goes away now.
    if (cached && slot !== null && cached.record.epoch === epoch) cache.outdate(key);
    else if (cached && (slot === null || cached.record.epoch < epoch)) cache.delete(key);
    if (slot === null) this.#state.emit('ended', { server, digest });
    else if (cached && cached.record.epoch < epoch)
      this.#state.emit('moved', { server, digest, slot, epoch, record: null });
  }
}
