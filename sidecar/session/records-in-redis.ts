import { doorName, sharedNameOf, type SessionHash } from '../../proto/compact-record.ts';
import type { RedisClient } from '../../proto/redis/redis-client.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import { SharedParts } from '../../proto/shared-parts.ts';
import { REDIS } from '../../proto/wire.ts';
import { blankTombstone, decodeRecord } from './record-codec.ts';
import type { SessionStore } from './session-store.ts';
import { StoreError } from './store-error.ts';

interface RecordsInRedis {
  /** Null: there is none. */
  read(server: string, digest: string): Promise<SessionHash | null>;
  /** With what it shares, or blank values where that is gone. */
  decode(server: string, digest: string, hash: SessionHash): Promise<SessionRecord>;
  /** Null: what it shares is gone, and a session that lives is nothing without it. */
  decodeWhole(server: string, digest: string, hash: SessionHash): Promise<SessionRecord | null>;
  find: SessionStore['find'];
  exists: SessionStore['exists'];
}

/** How session records are read, whichever form they have. */
export function recordsIn(client: RedisClient, now: () => number): RecordsInRedis {
  const shared = new SharedParts((key) => guarded(client.get(key)));
  const textOf = async (server: string, hash: SessionHash): Promise<string | null> => {
    const name = sharedNameOf(hash);
    return name === undefined ? null : shared.find(server, name);
  };
  const read: RecordsInRedis['read'] = async (server, digest) => {
    const hash = await guarded(client.hgetallBuffer(REDIS.session(server, digest)));
    return Object.keys(hash).length === 0 ? null : hash;
  };
  const decodeWhole: RecordsInRedis['decodeWhole'] = async (server, digest, hash) => {
    const text = await textOf(server, hash),
      isWhole = text !== null || sharedNameOf(hash) === undefined || hash['dead'] !== undefined;
    return isWhole ? decodeRecord(server, digest, hash, text) : null;
  };
  /** Whether it is the unbound form of a bound session whose record is compact. */
  const isShut = async (server: string, digest: string): Promise<boolean> =>
    (await guarded(client.exists(REDIS.door(server, doorName(digest))))) === 1;
  return {
    read,
    decode: async (server, digest, hash) => decodeRecord(server, digest, hash, await textOf(server, hash)),
    decodeWhole,
    async find(server, digest) {
      const hash = await read(server, digest);
      if (hash) return decodeWhole(server, digest, hash);
      return (await isShut(server, digest)) ? blankTombstone(server, digest, now()) : null;
    },
    exists: async (server, digest) =>
      (await guarded(client.exists(REDIS.session(server, digest)))) === 1 || isShut(server, digest),
  };
}

/** Its failure as a StoreError. */
export async function guarded<T>(pending: Promise<T>): Promise<T> {
  try {
    return await pending;
  } catch (cause) {
    throw StoreError.from(cause);
  }
}
