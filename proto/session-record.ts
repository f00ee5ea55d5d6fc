import { hash } from 'node:crypto';
import * as z from 'zod';

/** What this version reads and may write. Records of a higher version are read as far as they fit and never rewritten by this version. */
export const RECORD_VERSION = 2;
/** What it writes while nodes may be there that read nothing later: one JSON text. Version 2 is compact-record.ts. */
export const PLAIN_RECORD_VERSION = 1;

/** As many moves as `limits.keptMoves` allows. What somebody else wrote beyond that is not read. */
export const MOST_MOVES = 100;

/** One move of a session, for operators: never an id of it. */
const sessionMoveSchema = z.looseObject({
  atMs: z.number(),
  /** One of RECOVERY_REASONS; a later version may know others. */
  reason: z.string(),
  /** From noticing the loss to having the session back. */
  tookMs: z.number(),
  fromSlot: z.string(),
  toSlot: z.string(),
  /** Names of the replicas; null when the gateway no longer knew whose slot it was. */
  from: z.string().nullable(),
  to: z.string().nullable(),
});
export type SessionMove = z.infer<typeof sessionMoveSchema>;

/** Enough to rebuild a session on another replica. Never a bearer token, never an address. Times are ms since the epoch. */
export const sessionRecordSchema = z.looseObject({
  version: z.int().min(1),
  server: z.string(),
  /** 'http' for Streamable HTTP, 'sse' for HTTP+SSE (2024-11-05). */
  type: z.enum(['http', 'sse']),
  /** sha256 hex of the client's session id. */
  digest: z.string(),
  /** Keyed digest (hex) of issuer and subject, or of the token where `bind: token`; null when not bound. */
  principal: z.string().nullable(),
  /** Subject shown to operators: `anonymous`, or the first 12 hex digits of the principal's digest. */
  userId: z.string(),
  /** Its initialize carried a token, a cookie or a key: only with those of a live request may it be rebuilt. Absent in older records, whose client may have sent some. */
  hasCredentials: z.boolean().optional(),
  /** Keyed digest (hex) of the credentials that its replica last accepted; null when it accepted requests without any. Absent in older records. */
  credentials: z.string().nullable().optional(),
  /** `params` of initialize, verbatim. */
  initializeParams: z.unknown(),
  /** What the first replica answered. */
  protocolVersion: z.string(),
  capabilities: z.record(z.string(), z.unknown()),
  logLevel: z.string().nullable(),
  subscriptions: z.array(z.string()),
  hasGetStream: z.boolean(),
  backend: z.string(),
  /** Where the session lives now. */
  slot: z.string(),
  upstreamId: z.string(),
  /** HTTP+SSE: which relay holds the stream, by a digest of its address. */
  holder: z.string().optional(),
  /** Calls that the client asks for with the id of an event: which upstream session has their events, and JSON texts of their ids. */
  polled: z.array(z.object({ eventId: z.string(), upstreamSession: z.string(), ids: z.array(z.string()) })).optional(),
  /** Grows by one with each move; every write after creation is a compare-and-set on it. */
  epoch: z.int().min(0),
  /** The last moves, oldest first, as many as `limits.keptMoves` says. Absent until the first one, and in older records. */
  moves: z.array(sessionMoveSchema).optional(),
  createdAtMs: z.number(),
  lastActivityMs: z.number(),
  /** Ended by DELETE: never rebuilt. */
  isTombstone: z.boolean(),
});
export type SessionRecord = z.infer<typeof sessionRecordSchema>;

/** sha256 hex of the session id that the client holds: the record's key. */
export function sessionDigest(clientId: string): string {
  return hash('sha256', clientId);
}

/** What operators see of a principal. */
export const userIdOf = (principal: string | null): string =>
  principal === null ? 'anonymous' : principal.slice(0, 12);
