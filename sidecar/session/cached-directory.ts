import { detach } from '../../proto/detach.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import { systemClock } from './clock.ts';
import type { DirectoryOptions } from './directory-options.ts';
import { LocalLocks } from './local-locks.ts';
import { SessionCache } from './session-cache.ts';
import type { DirectoryEvents, Found, Moved, SessionDirectory } from './session-directory.ts';
import type { Change } from './session-store.ts';
import { StoreGauge, type Asked } from './store-gauge.ts';
import { TouchBatch } from './touch-batch.ts';
import { firstLifeSeconds, isUnused } from './unused-session.ts';
import { changed, WriteBehind, type PendingWrite } from './write-behind.ts';

const DRAIN_AT_ONCE = 32;
const TOUCH_INTERVAL_MS = 1000;

/** A fifth of what a sidecar is given; sessions of usual size never come near it. */
const MAX_CACHED_BYTES = 96 << 20;
/** JSON of the records that the store has yet to learn: 20,000 of usual size have half of it. */
const MAX_BEHIND_CHARACTERS = 32 << 20;

/** Beyond it, sessions are read ahead a second time. */
const MAX_READ_AHEAD = 100_000;

/** The directory over a store: see SessionDirectory. */
export function createSessionDirectory(options: DirectoryOptions): SessionDirectory {
  const {
    store,
    nodeId,
    ttlSeconds,
    clock = systemClock,
    onError = () => {},
    writeLimitMs = 50,
    readLimitMs = 250,
  } = options;
  const cache = new SessionCache(options.maxCached ?? 50_000, options.maxCachedBytes ?? MAX_CACHED_BYTES);
  const behind = new WriteBehind(options.maxBehind ?? 20_000, MAX_BEHIND_CHARACTERS);
  const locks = new LocalLocks(nodeId, clock);
  const listeners: { [E in keyof DirectoryEvents]: Set<(detail: DirectoryEvents[E]) => void> } = {
    moved: new Set(),
    ended: new Set(),
    superseded: new Set(),
    store: new Set(),
  };
  const emit = <E extends keyof DirectoryEvents>(event: E, detail: DirectoryEvents[E]): void => {
    for (const listener of listeners[event]) listener(detail);
  };
  const gauge = new StoreGauge(store, clock, (isReachable, reason) => {
    emit('store', { isReachable, reason });
    if (isReachable) detach(() => drain(), onError);
  });
  const touches = new TouchBatch(50_000);
  /** Sessions that were read ahead of need, so that each is read once. */
  const readAhead = new Set<string>();
  const stopTouching = clock.every(TOUCH_INTERVAL_MS, () => {
    detach(() => flushTouches(), onError);
    if (gauge.isReachable && behind.size > 0) detach(() => drain(), onError);
  });
  const firstLife = (record: SessionRecord): number =>
    firstLifeSeconds(record, ttlSeconds(record.server), options.unusedSeconds?.(record.server) ?? 0);
  const isExpired = (record: SessionRecord): boolean =>
    record.lastActivityMs + (isUnused(record) ? firstLife(record) : ttlSeconds(record.server)) * 1000 <= clock.now();
  const isSameLife = (a: SessionRecord, b: SessionRecord): boolean =>
    a.slot === b.slot && a.upstreamId === b.upstreamId;
  /** Asks the store; what it refuses or can't read is reported, and a caller goes on as without the store. */
  const ask = async <T>(limitMs: number, question: () => Promise<T>): Promise<Asked<T> | { kind: 'refused' }> => {
    try {
      return await gauge.ask(limitMs, question);
    } catch (error) {
      onError(error);
      return { kind: 'refused' };
    }
  };

  const stopWatching = store.watch({
    onGap: () => cache.startGeneration(),
    onChange: ({ server, digest, slot, epoch }) => {
      const key = SessionCache.key(server, digest),
        cached = cache.get(key);
      readAhead.delete(key);
      // Amended elsewhere: still the same life, and all that is known of it should the store go away now.
      if (cached && slot !== null && cached.record.epoch === epoch) cache.outdate(key);
      else if (cached && (slot === null || cached.record.epoch < epoch)) cache.delete(key);
      if (slot === null) emit('ended', { server, digest });
      else if (cached && cached.record.epoch < epoch) emit('moved', { server, digest, slot, epoch, record: null });
    },
  });

  const known = (key: string): SessionRecord | undefined => {
    const pending = behind.get(key);
    if (pending) return pending.kind === 'record' ? pending.record : undefined;
    const entry = cache.get(key);
    return entry && !isExpired(entry.record) ? entry.record : undefined;
  };
  const fate = (record: SessionRecord | null): Found =>
    !record ? { kind: 'unknown' } : record.isTombstone ? { kind: 'ended' } : { kind: 'live', record };
  const keepBehind = (key: string, write: PendingWrite, eventually?: Promise<unknown>): void => {
    behind.put(key, write);
    // A late write may still succeed; reconciling it again would be harmless, only superfluous.
    eventually?.then(
      () => behind.settle(key, write),
      () => {},
    );
  };

  /** Reads past the cache. The store's word counts, except that it may have fallen behind this node after a failover. */
  async function load(server: string, digest: string): Promise<Found> {
    const key = SessionCache.key(server, digest);
    const asked = await ask(readLimitMs, () => store.find(server, digest));
    const local = known(key);
    if (behind.get(key)?.kind === 'tombstone') return { kind: 'ended' };
    if (asked.kind !== 'answered') return local ? { kind: 'live', record: local } : { kind: 'unsure' };
    const stored = asked.value;
    if (local && (!stored || (!stored.isTombstone && stored.epoch < local.epoch)))
      return { kind: 'live', record: local };
    // Changed here, and the store has yet to learn it.
    if (
      local &&
      stored &&
      !stored.isTombstone &&
      behind.get(key) &&
      stored.epoch === local.epoch &&
      isSameLife(stored, local)
    )
      return { kind: 'live', record: local };
    if (stored && !stored.isTombstone) cache.set(key, stored);
    else cache.delete(key);
    if (!stored && !(await gauge.takesWrites(readLimitMs))) return { kind: 'unsure' };
    return fate(stored);
  }

  let draining: Promise<void> | undefined;
  function drain(): Promise<void> {
    draining ??= drainAll().finally(() => {
      draining = undefined;
    });
    return draining;
  }
  async function drainAll(): Promise<void> {
    while (gauge.isReachable) {
      const size = behind.size;
      await Promise.all(behind.next(DRAIN_AT_ONCE).map(([key, write]) => bringBack(key, write)));
      if (behind.size >= size) return; // Nothing got through: the next tick tries again.
    }
  }
  async function bringBack(key: string, write: PendingWrite): Promise<void> {
    if (write.kind === 'tombstone') {
      const asked = await ask(readLimitMs * 4, () =>
        store.tombstone(write.server, write.digest, ttlSeconds(write.server), write.isKnown),
      );
      if (asked.kind === 'answered' || asked.kind === 'refused') behind.settle(key, write);
      return;
    }
    const { record, changes } = write;
    if (changes) {
      const asked = await ask(readLimitMs * 4, () =>
        store.amend(record.server, record.digest, record.epoch, (stored) =>
          changes.reduce((was, change) => change(was), stored),
        ),
      );
      if (asked.kind === 'refused') behind.settle(key, write);
      if (asked.kind !== 'answered') return;
      if (asked.value.kind === 'ok' || asked.value.kind === 'newer') {
        behind.settle(key, write);
        if (asked.value.kind === 'ok' && !behind.get(key)) cache.set(key, asked.value.record);
        return;
      }
      // It has lost the session, or another node moved it: as with any other record.
    }
    const asked = await ask(readLimitMs * 4, () => store.reconcile(record, ttlSeconds(record.server)));
    if (asked.kind === 'refused') behind.settle(key, write); // Would be refused for ever.
    if (asked.kind !== 'answered') return;
    behind.settle(key, write);
    const result = asked.value;
    if (result.kind === 'written') {
      if (result.previous && !result.previous.isTombstone && !isSameLife(result.previous, record))
        emit('superseded', { loser: result.previous, winner: record });
      return;
    }
    const { stored } = result;
    cache.delete(key);
    if (stored.isTombstone) emit('ended', { server: record.server, digest: record.digest });
    else cache.set(key, stored);
    if (!isSameLife(stored, record)) emit('superseded', { loser: record, winner: stored });
  }
  async function flushTouches(): Promise<void> {
    if (!gauge.isReachable) return; // They stay in the batch, which is bounded.
    const batch = touches.take();
    if (batch.length === 0) return;
    const asked = await ask(readLimitMs * 4, () => store.touch(batch));
    if (asked.kind !== 'answered') for (const one of batch) touches.add(one);
  }
  /** While the store does not answer, or has not learnt all: the change is made on what is known here now, which other changes made meanwhile are part of. */
  function amendBehind(key: string, record: SessionRecord, change: Change): void {
    const pending = behind.get(key);
    if (pending?.kind === 'tombstone') return;
    const write = changed(known(key) ?? record, pending, change);
    cache.set(key, write.record);
    keepBehind(key, write);
  }
  function settleMove(record: SessionRecord, isDurable: boolean): Moved {
    cache.set(SessionCache.key(record.server, record.digest), record);
    emit('moved', { server: record.server, digest: record.digest, slot: record.slot, epoch: record.epoch, record });
    return { kind: 'moved', record, isDurable };
  }

  return {
    async find(server, digest, { isFresh = false } = {}) {
      const key = SessionCache.key(server, digest);
      const pending = behind.get(key);
      if (pending?.kind === 'tombstone') return { kind: 'ended' };
      const entry = cache.get(key);
      if (!isFresh && entry && !isExpired(entry.record) && (cache.isCurrent(entry) || !gauge.isReachable))
        return { kind: 'live', record: entry.record };
      return load(server, digest);
    },
    peek(server, digest) {
      const entry = cache.get(SessionCache.key(server, digest));
      return entry && cache.isCurrent(entry) && !isExpired(entry.record) ? entry.record : undefined;
    },
    readAhead(server, digest) {
      const key = SessionCache.key(server, digest);
      if (readAhead.has(key) || known(key) || !gauge.isReachable) return;
      if (readAhead.size >= MAX_READ_AHEAD) readAhead.clear();
      readAhead.add(key);
      detach(() => load(server, digest), onError);
    },
    async remember(record) {
      cache.expire(isExpired);
      const key = SessionCache.key(record.server, record.digest),
        write: PendingWrite = { kind: 'record', record, changes: null };
      const asked = await ask(writeLimitMs, () => store.create(record, ttlSeconds(record.server), firstLife(record)));
      if (asked.kind === 'answered' && asked.value === 'conflict') return 'conflict';
      cache.set(key, record);
      if (asked.kind === 'answered') return 'stored';
      keepBehind(key, write, asked.kind === 'late' ? asked.eventually : undefined);
      return 'local';
    },
    async move(record, expectedEpoch) {
      const { server, digest } = record;
      const key = SessionCache.key(server, digest),
        write: PendingWrite = { kind: 'record', record, changes: null };
      if (behind.get(key)?.kind === 'tombstone') return { kind: 'ended' };
      const asked = await ask(readLimitMs, () => store.update(record, expectedEpoch));
      const local = known(key);
      if (asked.kind !== 'answered') {
        if (local && local.epoch !== expectedEpoch) return { kind: 'conflict', record: local };
        keepBehind(
          key,
          write,
          asked.kind === 'late'
            ? asked.eventually.then((result) => {
                if (result !== 'ok') throw new Error(result);
              })
            : undefined,
        );
        return settleMove(record, false);
      }
      if (asked.value === 'ok') return settleMove(record, true);
      if (asked.value === 'newer') return { kind: 'newer' };
      const found = await load(server, digest);
      if (found.kind === 'ended') return { kind: 'ended' };
      if (found.kind === 'live' && (found.record.epoch > expectedEpoch || !local))
        return { kind: 'conflict', record: found.record };
      if (found.kind === 'unknown' && !local) return { kind: 'ended' };
      // The store knows less than this node: it was emptied, or fell back to an older copy.
      const again = await ask(readLimitMs, () => store.reconcile(record, ttlSeconds(server)));
      if (again.kind !== 'answered') {
        keepBehind(key, write);
        return settleMove(record, false);
      }
      if (again.value.kind === 'written') return settleMove(record, true);
      const { stored } = again.value;
      if (stored.isTombstone) {
        cache.delete(key);
        return { kind: 'ended' };
      }
      cache.set(key, stored);
      return { kind: 'conflict', record: stored };
    },
    async amend(server, digest, change, { isOnlyWriter = false } = {}) {
      const key = SessionCache.key(server, digest),
        own = isOnlyWriter && !behind.get(key) ? this.peek(server, digest) : undefined;
      if (own) {
        const record = change({ ...own });
        cache.set(key, record);
        const asked = await ask(readLimitMs, () => store.update(record, own.epoch));
        if (asked.kind !== 'answered')
          keepBehind(
            key,
            { kind: 'record', record, changes: null },
            asked.kind === 'late' ? asked.eventually : undefined,
          );
        return asked.kind !== 'answered' || asked.value === 'ok';
      }
      for (let tries = 0; tries < 3; tries += 1) {
        const found = await this.find(server, digest, { isFresh: tries > 0 });
        if (found.kind !== 'live') return false;
        const { epoch } = found.record;
        const asked = await ask(readLimitMs, () => store.amend(server, digest, epoch, change));
        if (asked.kind !== 'answered' || (asked.value.kind === 'ok' && behind.get(key))) {
          amendBehind(key, found.record, change);
          return true;
        }
        if (asked.value.kind === 'ok') {
          cache.set(key, asked.value.record);
          return true;
        }
        if (asked.value.kind === 'newer') return false;
      }
      return false;
    },
    async tombstone(server, digest) {
      const key = SessionCache.key(server, digest),
        local = known(key) ?? null,
        before = behind.get(key),
        isKnown = local !== null || (before?.kind === 'tombstone' && before.isKnown);
      cache.delete(key);
      touches.drop(server, digest);
      const asked = await ask(readLimitMs, () => store.tombstone(server, digest, ttlSeconds(server), isKnown));
      const write: PendingWrite = { kind: 'tombstone', server, digest, isKnown };
      if (asked.kind === 'answered') {
        const pending = behind.get(key);
        if (pending) behind.settle(key, pending);
      } else keepBehind(key, write, asked.kind === 'late' ? asked.eventually : undefined);
      const found = asked.kind === 'answered' ? (asked.value ?? local) : local;
      if (found || asked.kind !== 'answered') emit('ended', { server, digest });
      return found;
    },
    touch(server, digest, atMs) {
      const entry = cache.get(SessionCache.key(server, digest));
      if (entry && entry.record.lastActivityMs < atMs) entry.record.lastActivityMs = atMs;
      touches.add({ server, digest, atMs });
    },
    async lock(server, digest, ttlMs) {
      const asked = await ask(readLimitMs, () => store.lock(server, digest, nodeId, ttlMs));
      if (asked.kind === 'answered') return asked.value;
      return locks.lock(server, digest, ttlMs);
    },
    async unlock(server, digest, token) {
      if (!locks.unlock(server, digest, token)) await ask(readLimitMs, () => store.unlock(server, digest, token));
    },
    async listSlot(server, slot, limit) {
      const asked = await ask(readLimitMs * 4, () => store.listSlot(server, slot, limit));
      if (asked.kind === 'answered') return asked.value;
      return cache.onSlot(server, slot, limit);
    },
    counts: (server) => cache.counts(server),
    get isStoreReachable() {
      return gauge.isReachable;
    },
    get sizes() {
      return { cached: cache.size, behind: behind.size, dropped: behind.dropped };
    },
    on(event, listener) {
      listeners[event].add(listener);
      return () => {
        listeners[event].delete(listener);
      };
    },
    async close() {
      stopTouching();
      stopWatching();
      const limit = Promise.withResolvers<void>();
      const stopLimit = clock.after(2000, limit.resolve);
      await Promise.race([flushTouches().then(drain), limit.promise]);
      stopLimit();
      gauge.stop();
    },
  };
}
