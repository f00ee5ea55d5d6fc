import { randomUUID } from 'node:crypto';
import { RECORD_VERSION, type SessionRecord } from '../../proto/session-record.ts';
import { CHANNEL, REDIS } from '../../proto/wire.ts';
import { digestOfMember, type SessionHash } from '../../proto/compact-record.ts';
import { recordArguments, type RecordForm } from './record-arguments.ts';
import { guarded, recordsIn } from './records-in-redis.ts';
import type { RedisClient } from '../../proto/redis/redis-client.ts';
import { probeWrites } from '../../proto/redis/probe-writes.ts';
import { ScriptRunner, type ScriptArgument } from './redis-script-runner.ts';
import * as script from './redis-scripts.ts';
import type { ReconcileResult, SessionStore, Touch, UpdateResult } from './session-store.ts';
import { watchChanges } from './redis-watch.ts';

const TOUCHES_PER_CALL = 500;
const AMEND_TRIES = 8;

export interface RedisStoreOptions {
  /** Changes by this node are not reported to its own watchers. */
  nodeId: string;
  now?: () => number;
  /** How records of a server are written; plain when left out. Both are read. */
  form?: (server: string) => RecordForm;
  /** What a message of the sessions' channel set off in this process. */
  onError?: (error: unknown) => void;
}

/** Session records in Redis, one hash each, written by scripts that compare before they set. The client stays the caller's until `close`. */
export function createRedisStore(
  client: RedisClient,
  { nodeId, now = Date.now, form = () => 'plain', onError }: RedisStoreOptions,
): SessionStore {
  const run = new ScriptRunner(client);
  const body = (record: SessionRecord): ScriptArgument[] => recordArguments(record, form(record.server));
  const toldBy = (server: string): ScriptArgument[] => [CHANNEL.sessions, nodeId, server];

  const { read, decode, decodeWhole, find, exists } = recordsIn(client, now);
  const write = async (
    record: SessionRecord,
    expectedEpoch: number,
    revision: string,
  ): Promise<UpdateResult | 'raced'> => {
    const result = await run.run(
      script.UPDATE,
      [REDIS.session(record.server, record.digest)],
      [...body(record), expectedEpoch, RECORD_VERSION, revision, ...toldBy(record.server)],
    );
    return textOf(result) as UpdateResult | 'raced';
  };
  const watching = watchChanges(client, nodeId, onError);

  return {
    find,
    exists,
    async create(record, ttlSeconds, firstSeconds = ttlSeconds) {
      const result = await run.run(
        script.CREATE,
        [REDIS.session(record.server, record.digest)],
        [...body(record), ttlSeconds, firstSeconds],
      );
      return textOf(result) as 'ok' | 'conflict';
    },
    async update(record, expectedEpoch) {
      return (await write({ ...record, version: RECORD_VERSION }, expectedEpoch, '')) as UpdateResult;
    },
    async amend(server, digest, expectedEpoch, change) {
      for (let tries = 0; tries < AMEND_TRIES; tries += 1) {
        const hash = await read(server, digest);
        const stored = hash && (await decodeWhole(server, digest, hash));
        if (!stored) return { kind: 'missing' };
        if (stored.isTombstone || stored.epoch !== expectedEpoch) return { kind: 'conflict' };
        if (stored.version > RECORD_VERSION) return { kind: 'newer' };
        const record = change(stored);
        const result = await write(record, expectedEpoch, String(hash['rev'] ?? ''));
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
        [...body(record), ttlSeconds, RECORD_VERSION, ...toldBy(server)],
      )) as [Buffer, Buffer[]];
      const before = flat.length === 0 ? null : await decode(server, digest, pairs(flat));
      return textOf(kind) === 'kept' && before
        ? { kind: 'kept', stored: before }
        : { kind: 'written', previous: before };
    },
    async touch(touches) {
      for (const batch of batches(touches)) {
        await run.run(
          script.TOUCH,
          batch.map((one) => REDIS.session(one.server, one.digest)),
          batch.flatMap((one) => [one.atMs, one.digest]),
        );
      }
    },
    async tombstone(server, digest, ttlSeconds, isKnown = false) {
      const flat = (await run.run(
        script.TOMBSTONE,
        [REDIS.session(server, digest)],
        [ttlSeconds, digest, now(), ...toldBy(server), isKnown ? '1' : ''],
      )) as Buffer[];
      return flat.length === 0 ? null : decode(server, digest, pairs(flat));
    },
    async forget(server, digest) {
      return (await run.run(script.FORGET, [REDIS.session(server, digest)], [digest, ...toldBy(server)])) === 1;
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
      const members = await guarded(client.zrangeBuffer(index, '0', String(limit - 1)));
      const hashes = await Promise.all(members.map((member) => read(server, digestOfMember(member))));
      const gone = members.filter((_, i) => hashes[i] === null);
      if (gone.length > 0) await guarded(client.zrem(index, ...gone));
      const records = await Promise.all(
        members.map(async (member, i) => hashes[i] && decodeWhole(server, digestOfMember(member), hashes[i])),
      );
      return records.filter((record): record is SessionRecord => record?.slot === slot && !record.isTombstone);
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

/** A reply that is a text. */
const textOf = (reply: unknown): string => String(reply);

function pairs(flat: readonly Buffer[]): SessionHash {
  const hash: Record<string, Buffer> = {};
  for (let i = 0; i + 1 < flat.length; i += 2) hash[String(flat[i])] = flat[i + 1] ?? Buffer.alloc(0);
  return hash;
}

/** Touches of one server at a time (one cluster slot), at most 500, so that one script call stays short. */
function* batches(touches: readonly Touch[]): Generator<Touch[]> {
  for (const ofServer of Map.groupBy(touches, (one) => one.server).values()) {
    for (let start = 0; start < ofServer.length; start += TOUCHES_PER_CALL)
      yield ofServer.slice(start, start + TOUCHES_PER_CALL);
  }
}
