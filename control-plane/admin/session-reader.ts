import { digestOfMember, recordContent, sharedNameOf, type SessionHash } from '../../proto/compact-record.ts';
import type { RedisClient } from '../../proto/redis/redis-client.ts';
import { MOST_MOVES, sessionRecordSchema, type SessionMove } from '../../proto/session-record.ts';
import { SharedParts } from '../../proto/shared-parts.ts';
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
  /** When it ended; null while it lives. */
  endedAtMs: number | null;
  /** The last moves between replicas, oldest first. */
  moves: readonly SessionMove[];
}

export interface SessionReader {
  /** Sessions that live on a slot, last active first. */
  list(server: string, slot: string, limit: number): Promise<SessionView[]>;
  /** Those of them whose digest begins so, in no order. */
  listDigests(server: string, slot: string, beginning: string, limit: number): Promise<SessionView[]>;
  count(server: string, slot: string): Promise<number>;
  find(server: string, digest: string): Promise<SessionView | null>;
}

const ENTRIES_PER_LOOK = 1000;
const MOST_CHARACTERS = 100;

const short = (text: string): string => text.slice(0, MOST_CHARACTERS);
const shortMove = ({ atMs, reason, tookMs, fromSlot, toSlot, from, to }: SessionMove): SessionMove => ({
  atMs,
  reason: short(reason),
  tookMs,
  fromSlot: short(fromSlot),
  toSlot: short(toSlot),
  from: from === null ? null : short(from),
  to: to === null ? null : short(to),
});

/** Reads what sidecars keep in Redis (fields of the hash: proto/compact-record.ts, or all in `record`). */
export function redisSessionReader(redis: RedisClient): SessionReader {
  const parts = new SharedParts((key) => unlessOther(redis.get(key), null));
  const content = async (server: string, digest: string, hash: SessionHash): Promise<unknown> => {
    const name = sharedNameOf(hash);
    return recordContent(server, digest, hash, name === undefined ? null : await parts.find(server, name));
  };
  const find = async (server: string, digest: string): Promise<SessionView | null> => {
    const hash: SessionHash = await unlessOther(redis.hgetallBuffer(REDIS.session(server, digest)), {});
    const record = sessionRecordSchema.safeParse(await content(server, digest, hash)).data;
    if (!record) return null;
    const { name, version } =
      (record.initializeParams as { clientInfo?: { name?: unknown; version?: unknown } } | null)?.clientInfo ?? {};
    const isEnded = record.isTombstone || hash['dead']?.toString() === '1',
      atMs = numberIn(hash['at']?.toString());
    return {
      digest,
      server,
      slot: short(record.slot),
      backend: short(record.backend),
      userId: short(record.userId),
      type: record.type,
      protocolVersion: short(record.protocolVersion),
      client: typeof name === 'string' ? short(`${name}${typeof version === 'string' ? ` ${version}` : ''}`) : '',
      hasGetStream: record.hasGetStream,
      epoch: record.epoch,
      createdAtMs: record.createdAtMs,
      lastActivityMs: Math.max(record.lastActivityMs, atMs),
      isEnded,
      endedAtMs: isEnded ? atMs : null,
      moves: (record.moves ?? []).slice(-MOST_MOVES).map(shortMove),
    };
  };
  const living = async (server: string, slot: string, digests: readonly string[]): Promise<SessionView[]> => {
    const found = await Promise.all(digests.map((digest) => find(server, digest)));
    return found.filter(
      (session): session is SessionView => session !== null && !session.isEnded && session.slot === slot,
    );
  };
  return {
    find,
    count: (server, slot) => unlessOther(redis.zcard(REDIS.slotIndex(server, slot)), 0),
    list: async (server, slot, limit) =>
      living(
        server,
        slot,
        (await unlessOther(redis.zrevrangeBuffer(REDIS.slotIndex(server, slot), 0, limit - 1), [])).map(digestOfMember),
      ),
    async listDigests(server, slot, beginning, limit) {
      // An index may grow between two looks, and the scan may name an entry twice.
      const digests = new Set<string>();
      let cursor = '0';
      do {
        // Members of compact records are bytes: a pattern of hex digits would pass them over.
        const [next, entries] = await unlessOther(
          redis.zscanBuffer(REDIS.slotIndex(server, slot), cursor, 'COUNT', ENTRIES_PER_LOOK),
          ['0', []],
        );
        for (let at = 0; at < entries.length; at += 2) {
          const digest = digestOfMember(entries[at] ?? Buffer.alloc(0));
          if (digest.startsWith(beginning)) digests.add(digest);
        }
        cursor = next.toString();
      } while (cursor !== '0' && digests.size < limit);
      return living(server, slot, [...digests].slice(0, limit));
    },
  };
}

/** `none` where a key holds something of another type: who wrote it must not hide the rest. */
async function unlessOther<T, Other>(pending: Promise<T>, none: Other): Promise<T | Other> {
  try {
    return await pending;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return none;
    throw error;
  }
}

/** 0 for what is no number. */
function numberIn(text: string | undefined): number {
  const value = Number(text ?? 0);
  return Number.isFinite(value) ? value : 0;
}
