import { randomUUID } from 'node:crypto';
import { RECORD_VERSION, type SessionRecord } from '../../proto/session-record.ts';
import { steadyNow } from '../../proto/steady-clock.ts';
import { blankTombstone } from './record-codec.ts';
import { unboundDigest } from './unbound-digest.ts';
import type { SessionChange, SessionStore, StoreWatcher } from './session-store.ts';

interface Entry {
  record: SessionRecord;
  ttlSeconds: number;
  expiresAtMs: number;
}

/** What several memory stores of one process share, as several gateways share one Redis. */
export class MemoryBacking {
  readonly entries = new Map<string, Entry>();
  /** Keys of those that live shorter than others until they are used. */
  readonly short = new Set<string>();
  readonly locks = new Map<string, { token: string; expiresAtMs: number }>();
  readonly watchers = new Map<StoreWatcher, string>();
  secret: string | null = null;
}

export interface MemoryStoreOptions {
  nodeId: string;
  backing?: MemoryBacking;
  now?: () => number;
}

/** Session records of one node that works alone, and of tests. They are gone with the process. */
export function createMemoryStore({
  nodeId,
  backing = new MemoryBacking(),
  now = steadyNow,
}: MemoryStoreOptions): SessionStore {
  const { entries, short, locks, watchers } = backing;
  const keyOf = (server: string, digest: string): string => `${server}:${digest}`;
  const live = (server: string, digest: string): Entry | undefined => {
    const key = keyOf(server, digest),
      entry = entries.get(key);
    if (!entry || entry.expiresAtMs > now()) return entry;
    entries.delete(key);
    return undefined;
  };
  const keep = (record: SessionRecord, ttlSeconds: number, expiresAtMs = now() + ttlSeconds * 1000): void => {
    const key = keyOf(record.server, record.digest);
    entries.delete(key); // Keeps the map in order of last use, so that expired entries are found at its head.
    entries.set(key, { record: structuredClone(record), ttlSeconds, expiresAtMs });
    if (expiresAtMs < now() + ttlSeconds * 1000) short.add(key);
    else short.delete(key);
    for (const [oldest, entry] of entries) {
      if (entry.expiresAtMs > now()) break;
      entries.delete(oldest);
    }
    for (const oldest of short) {
      if ((entries.get(oldest)?.expiresAtMs ?? 0) > now()) break;
      short.delete(oldest);
      entries.delete(oldest);
    }
  };
  /** Keeps a record, and for as long the unbound form of a bound session's id as ended. */
  const put = (record: SessionRecord, ttlSeconds: number, expiresAtMs?: number): void => {
    keep(record, ttlSeconds, expiresAtMs);
    const unbound = unboundDigest(record);
    if (unbound === null) return;
    const there = live(record.server, unbound)?.record ?? blankTombstone(record.server, unbound, now());
    if (there.isTombstone) keep(there, ttlSeconds);
  };
  /** Until when an entry lives that was changed without being used. */
  const asLong = ({ expiresAtMs, record: was }: Entry, { lastActivityMs }: SessionRecord): number | undefined =>
    was.lastActivityMs === lastActivityMs ? expiresAtMs : undefined;
  const tell = (change: SessionChange): void => {
    for (const [watcher, node] of watchers) if (node !== nodeId) watcher.onChange(change);
  };
  const onSlot = (server: string, slot: string): SessionRecord[] =>
    [...entries.values()]
      .filter(
        (entry) =>
          entry.record.server === server &&
          entry.record.slot === slot &&
          !entry.record.isTombstone &&
          entry.expiresAtMs > now(),
      )
      .map((entry) => entry.record)
      .sort((a, b) => a.lastActivityMs - b.lastActivityMs);

  return {
    find: async (server, digest) => structuredClone(live(server, digest)?.record ?? null),
    exists: async (server, digest) => live(server, digest) !== undefined,
    async create(record, ttlSeconds, firstSeconds = ttlSeconds) {
      if (live(record.server, record.digest)) return 'conflict';
      put(record, ttlSeconds, now() + firstSeconds * 1000);
      return 'ok';
    },
    async update(record, expectedEpoch) {
      const entry = live(record.server, record.digest);
      if (!entry) return 'missing';
      if (entry.record.isTombstone) return 'conflict';
      if (entry.record.version > RECORD_VERSION) return 'newer';
      if (entry.record.epoch !== expectedEpoch) return 'conflict';
      const lastActivityMs = Math.max(record.lastActivityMs, entry.record.lastActivityMs),
        written = { ...record, version: RECORD_VERSION, lastActivityMs };
      put(written, entry.ttlSeconds, asLong(entry, written));
      tell({ server: record.server, digest: record.digest, slot: record.slot, epoch: record.epoch });
      return 'ok';
    },
    async amend(server, digest, expectedEpoch, change) {
      const entry = live(server, digest);
      if (!entry) return { kind: 'missing' };
      if (entry.record.isTombstone || entry.record.epoch !== expectedEpoch) return { kind: 'conflict' };
      if (entry.record.version > RECORD_VERSION) return { kind: 'newer' };
      const record = change(structuredClone(entry.record));
      put(record, entry.ttlSeconds, asLong(entry, record));
      tell({ server, digest, slot: record.slot, epoch: record.epoch });
      return { kind: 'ok', record };
    },
    async reconcile(record, ttlSeconds) {
      const stored = live(record.server, record.digest)?.record;
      if (stored) {
        const isSame =
          stored.epoch === record.epoch && stored.slot === record.slot && stored.upstreamId === record.upstreamId;
        if (
          stored.isTombstone ||
          stored.version > RECORD_VERSION ||
          stored.epoch > record.epoch ||
          (stored.epoch === record.epoch && !isSame)
        )
          return { kind: 'kept', stored: structuredClone(stored) };
      }
      put(record, ttlSeconds);
      tell({ server: record.server, digest: record.digest, slot: record.slot, epoch: record.epoch });
      return { kind: 'written', previous: stored ?? null };
    },
    async touch(touches) {
      for (const { server, digest, atMs } of touches) {
        const entry = live(server, digest);
        if (entry && !entry.record.isTombstone)
          put({ ...entry.record, lastActivityMs: Math.max(atMs, entry.record.lastActivityMs) }, entry.ttlSeconds);
      }
    },
    async tombstone(server, digest, ttlSeconds, isKnown = false) {
      const before = live(server, digest)?.record ?? null;
      if (!before && !isKnown) return null;
      put({ ...(before ?? blankTombstone(server, digest, now())), isTombstone: true }, ttlSeconds);
      tell({ server, digest, slot: null, epoch: before?.epoch ?? 0 });
      return before;
    },
    async forget(server, digest) {
      const entry = live(server, digest);
      if (!entry) return false;
      entries.delete(keyOf(server, digest));
      tell({ server, digest, slot: null, epoch: entry.record.epoch });
      return true;
    },
    async lock(server, digest, owner, ttlMs) {
      const key = keyOf(server, digest),
        held = locks.get(key);
      if (held && held.expiresAtMs > now()) return null;
      const token = `${owner}:${randomUUID()}`;
      locks.set(key, { token, expiresAtMs: now() + ttlMs });
      return token;
    },
    async unlock(server, digest, token) {
      const key = keyOf(server, digest);
      return locks.get(key)?.token === token && locks.delete(key);
    },
    listSlot: async (server, slot, limit) => structuredClone(onSlot(server, slot).slice(0, limit)),
    async claimStream(server, digest) {
      const others = [...watchers].filter(([, node]) => node !== nodeId);
      for (const [watcher] of others) watcher.onClaim({ server, digest });
      return others.length > 0;
    },
    countSlot: async (server, slot) => onSlot(server, slot).length,
    agreeOnSecret: async (proposal) => (backing.secret ??= proposal),
    ping: async () => 0,
    watch(watcher) {
      watchers.set(watcher, nodeId);
      return () => {
        watchers.delete(watcher);
      };
    },
    async close() {
      for (const [watcher, node] of watchers) if (node === nodeId) watchers.delete(watcher);
    },
  };
}
