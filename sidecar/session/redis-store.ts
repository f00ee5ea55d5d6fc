import { randomUUID } from 'node:crypto';
import { RECORD_VERSION, type SessionRecord } from '../../proto/session-record.ts';
import { CHANNEL, REDIS } from '../../proto/wire.ts';
import { decodeRecord, encodeRecord } from './record-codec.ts';
import type { RedisClient } from '../../proto/redis/redis-client.ts';
import { probeWrites } from '../../proto/redis/probe-writes.ts';
import { ScriptRunner, type ScriptArgument } from './redis-script-runner.ts';
import * as script from './redis-scripts.ts';
import type { ReconcileResult, SessionStore, Touch, UpdateResult } from './session-store.ts';
import { StoreError } from './store-error.ts';
import { unboundDigest } from './unbound-digest.ts';
import { watchChanges } from './redis-watch.ts';

const TOUCHES_PER_CALL = 500;
const AMEND_TRIES = 8;

export interface RedisStoreOptions {
  /** Changes by this node are not reported to its own watchers. */
  nodeId: string;
  now?: () => number;
  /** What a message of the sessions' channel set off in this process. */
  onError?: (error: unknown) => void;
}

/** Session records in Redis, one hash each, written by scripts that compare before they set. The client stays the caller's until `close`. */
export function createRedisStore(
  client: RedisClient,
  { nodeId, now = Date.now, onError }: RedisStoreOptions,
): SessionStore {
  const run = new ScriptRunner(client);
  const prefix = (server: string): string => REDIS.slotIndex(server, '');
  const body = (record: SessionRecord): ScriptArgument[] => [
    record.epoch,
    record.slot,
    record.upstreamId,
    encodeRecord(record),
    record.version,
    record.lastActivityMs,
  ];
  const toldBy = (server: string): ScriptArgument[] => [CHANNEL.sessions, nodeId, server];

  const read = async (server: string, digest: string): Promise<Record<string, string> | null> => {
    const hash = await guarded(client.hgetall(REDIS.session(server, digest)));
    return Object.keys(hash).length === 0 ? null : hash;
  };
  const write = async (
    record: SessionRecord,
    expectedEpoch: number,
    revision: string,
  ): Promise<UpdateResult | 'raced'> => {
    const result = await run.run(
      script.UPDATE,
      [REDIS.session(record.server, record.digest)],
      [
        ...body({ ...record, version: RECORD_VERSION }),
        expectedEpoch,
        record.digest,
        prefix(record.server),
        ...toldBy(record.server),
        revision,
        unboundDigest(record) ?? '',
      ],
    );
    return result as UpdateResult | 'raced';
  };
  const watching = watchChanges(client, nodeId, onError);

  return {
    async find(server, digest) {
      const hash = await read(server, digest);
      return hash && decodeRecord(server, digest, hash);
    },
    exists: async (server, digest) => (await guarded(client.exists(REDIS.session(server, digest)))) === 1,
    async create(record, ttlSeconds, firstSeconds = ttlSeconds) {
      return (await run.run(
        script.CREATE,
        [REDIS.session(record.server, record.digest)],
        [...body(record), ttlSeconds, record.digest, prefix(record.server), firstSeconds, unboundDigest(record) ?? ''],
      )) as 'ok' | 'conflict';
    },
    async update(record, expectedEpoch) {
      return (await write(record, expectedEpoch, '')) as UpdateResult;
    },
    async amend(server, digest, expectedEpoch, change) {
      for (let tries = 0; tries < AMEND_TRIES; tries += 1) {
        const hash = await read(server, digest);
        if (!hash) return { kind: 'missing' };
        const stored = decodeRecord(server, digest, hash);
        if (stored.isTombstone || stored.epoch !== expectedEpoch) return { kind: 'conflict' };
        if (stored.version > RECORD_VERSION) return { kind: 'newer' };
        const record = change(stored);
        const result = await write(record, expectedEpoch, hash['rev'] ?? '');
        if (result === 'ok') return { kind: 'ok', record };
        if (result !== 'raced') return { kind: result };
      }
      return { kind: 'conflict' };
    },
    async reconcile(record, ttlSeconds): Promise<ReconcileResult> {
      const { server, digest } = record;
      const [kind, flat] = (await run.run(
        script.RECONCILE,
        [REDIS.session(server, digest)],
        [...body(record), ttlSeconds, digest, prefix(server), ...toldBy(server), unboundDigest(record) ?? ''],
      )) as ['kept' | 'written', string[]];
      const before = flat.length === 0 ? null : decodeRecord(server, digest, pairs(flat));
      return kind === 'kept' && before ? { kind, stored: before } : { kind: 'written', previous: before };
    },
    async touch(touches) {
      for (const batch of batches(touches)) {
        await run.run(
          script.TOUCH,
          batch.map((one) => REDIS.session(one.server, one.digest)),
          [prefix(batch[0]?.server ?? ''), ...batch.flatMap((one) => [one.atMs, one.digest])],
        );
      }
    },
    async tombstone(server, digest, ttlSeconds, isKnown = false) {
      const flat = (await run.run(
        script.TOMBSTONE,
        [REDIS.session(server, digest)],
        [ttlSeconds, digest, prefix(server), now(), ...toldBy(server), isKnown ? '1' : ''],
      )) as string[];
      return flat.length === 0 ? null : decodeRecord(server, digest, pairs(flat));
    },
    async forget(server, digest) {
      return (
        (await run.run(script.FORGET, [REDIS.session(server, digest)], [digest, prefix(server), ...toldBy(server)])) ===
        1
      );
    },
    async lock(server, digest, owner, ttlMs) {
      const token = `${owner}:${randomUUID()}`;
      return (await guarded(client.set(REDIS.lock(server, digest), token, 'PX', ttlMs, 'NX'))) === 'OK' ? token : null;
    },
    async unlock(server, digest, token) {
      return (await run.run(script.UNLOCK, [REDIS.lock(server, digest)], [token])) === 1;
    },
    async listSlot(server, slot, limit) {
      const index = REDIS.slotIndex(server, slot);
      const digests = await guarded(client.zrange(index, '0', String(limit - 1)));
      const hashes = await Promise.all(digests.map((digest) => read(server, digest)));
      const gone = digests.filter((_, i) => hashes[i] === null);
      if (gone.length > 0) await guarded(client.zrem(index, ...gone));
      return digests
        .flatMap((digest, i) => (hashes[i] ? [decodeRecord(server, digest, hashes[i])] : []))
        .filter((record) => record.slot === slot && !record.isTombstone);
    },
    async claimStream(server, digest) {
      await guarded(client.publish(CHANNEL.streams, JSON.stringify({ server, digest, node: nodeId })));
      return true;
    },
    countSlot: async (server, slot) => guarded(client.zcard(REDIS.slotIndex(server, slot))),
    async agreeOnSecret(proposal) {
      await guarded(client.set(REDIS.secret, proposal, 'NX'));
      return (await guarded(client.get(REDIS.secret))) ?? proposal;
    },
    async ping() {
      const startedAt = performance.now();
      await guarded(probeWrites(client, nodeId));
      return performance.now() - startedAt;
    },
    watch: (watcher) => watching.add(watcher),
    async close() {
      watching.close();
      client.disconnect();
    },
  };
}

async function guarded<T>(pending: Promise<T>): Promise<T> {
  try {
    return await pending;
  } catch (cause) {
    throw StoreError.from(cause);
  }
}

function pairs(flat: readonly string[]): Record<string, string> {
  const hash: Record<string, string> = {};
  for (let i = 0; i + 1 < flat.length; i += 2) hash[flat[i] ?? ''] = flat[i + 1] ?? '';
  return hash;
}

/** Touches of one server at a time (one cluster slot), at most 500, so that one script call stays short. */
function* batches(touches: readonly Touch[]): Generator<Touch[]> {
  for (const ofServer of Map.groupBy(touches, (one) => one.server).values()) {
    for (let start = 0; start < ofServer.length; start += TOUCHES_PER_CALL)
      yield ofServer.slice(start, start + TOUCHES_PER_CALL);
  }
}
