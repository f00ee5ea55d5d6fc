import { parseJson } from '../../proto/parse-json.ts';
import type { RedisClient } from '../../proto/redis/redis-client.ts';
import { sessionRecordSchema } from '../../proto/session-record.ts';
import { REDIS } from '../../proto/wire.ts';

/** A session as operators see it: never its id, never what the client said. */
export interface SessionView {
  digest: string;
  server: string;
  slot: string;
  backend: string;
  userId: string;
  type: string;
  protocolVersion: string;
  client: string;
  hasGetStream: boolean;
  epoch: number;
  createdAtMs: number;
  lastActivityMs: number;
  isEnded: boolean;
}

export interface SessionReader {
  /** Sessions that live on a slot, last active first. */
  list(server: string, slot: string, limit: number): Promise<SessionView[]>;
  count(server: string, slot: string): Promise<number>;
  find(server: string, digest: string): Promise<SessionView | null>;
}

/** Reads what sidecars keep in Redis (fields of the hash: sidecar/session/record-codec.ts). */
export function redisSessionReader(redis: RedisClient): SessionReader {
  const find = async (server: string, digest: string): Promise<SessionView | null> => {
    const [text, at, dead] = await redis.hmget(REDIS.session(server, digest), 'record', 'at', 'dead');
    const record =
      text === null || text === undefined ? undefined : sessionRecordSchema.safeParse(parseJson(text)).data;
    if (!record) return null;
    const { name, version } =
      (record.initializeParams as { clientInfo?: { name?: unknown; version?: unknown } } | null)?.clientInfo ?? {};
    return {
      digest,
      server,
      slot: record.slot,
      backend: record.backend,
      userId: record.userId,
      type: record.type,
      protocolVersion: record.protocolVersion,
      client:
        typeof name === 'string' ? `${name}${typeof version === 'string' ? ` ${version}` : ''}`.slice(0, 100) : '',
      hasGetStream: record.hasGetStream,
      epoch: record.epoch,
      createdAtMs: record.createdAtMs,
      lastActivityMs: Math.max(record.lastActivityMs, numberIn(at)),
      isEnded: record.isTombstone || dead === '1',
    };
  };
  return {
    find,
    count: (server, slot) => redis.zcard(REDIS.slotIndex(server, slot)),
    async list(server, slot, limit) {
      const digests = await redis.zrevrange(REDIS.slotIndex(server, slot), 0, limit - 1);
      const found = await Promise.all(digests.map((digest) => find(server, digest)));
      return found.filter(
        (session): session is SessionView => session !== null && !session.isEnded && session.slot === slot,
      );
    },
  };
}

/** 0 for what is no number. */
function numberIn(text: string | null | undefined): number {
  const value = Number(text ?? 0);
  return Number.isFinite(value) ? value : 0;
}
