import { hash } from 'node:crypto';
import { parseJson, parseJsonObject } from './parse-json.ts';
import { MOST_MOVES, userIdOf, type SessionRecord } from './session-record.ts';

/**
 * How a session record of version 2 lies in its Redis hash. Each part is one short field, as a rule of at most 64
 * bytes, so that Redis keeps the hash compact. What sessions of one kind of client have in common is a key of its own,
 * which they name. Version 1 is one JSON text in `record`.
 */
export const COMPACT_FIELD = {
  upstream: 'u',
  created: 'c',
  /** Name of what it shares with other sessions. */
  shared: 'f',
  /** 32 bytes: the keyed digest. */
  principal: 'p',
  /** As `principal`; empty for null. A record without the field does not say. */
  credentials: 'k',
  hasGetStream: 'g',
  /** Name of the door of its unbound form. */
  door: 'd',
  /** JSON of all that is rare, and of what does not fit above. */
  more: 'x',
} as const;

/** A Redis hash as it is read: bytes by field. */
export type SessionHash = Readonly<Record<string, Buffer>>;

type Written = [field: string, value: string | number | Buffer];

const SHARED = ['type', 'backend', 'initializeParams', 'protocolVersion', 'capabilities', 'hasCredentials'] as const;
/** What the hash has anyway, or its key says. */
const BESIDE = new Set<string>([
  ...SHARED,
  'version',
  'server',
  'digest',
  'slot',
  'upstreamId',
  'epoch',
  'createdAtMs',
  'lastActivityMs',
  'isTombstone',
]);
const DIGEST = /^[0-9a-f]{64}$/;
const DIGEST_BYTES = 32;
/** What is longer was written by nobody of the mesh, and would keep its readers busy: subscriptions, moves and polled calls have limits. */
const MOST_MORE_BYTES = 512 << 10;
const MOST_PLAIN_BYTES = 8 << 20;
/** What a session has where nothing else is said. */
const USUAL: Readonly<Record<string, unknown>> = { logLevel: null, hasGetStream: false };

/** The fields of a record, and the text of what it shares under a name that is its digest. */
export function encodeCompact(record: SessionRecord): { fields: Written[]; shared: { name: string; text: string } } {
  const text = JSON.stringify(Object.fromEntries(SHARED.map((key) => [key, record[key]])));
  const name = hash('sha256', text, 'buffer').subarray(0, 16).toString('base64url');
  const fields: Written[] = [
    [COMPACT_FIELD.upstream, record.upstreamId],
    [COMPACT_FIELD.created, record.createdAtMs],
    [COMPACT_FIELD.shared, name],
  ];
  const isDone = new Set(BESIDE);
  const put = (key: string, field: string, value: Written[1]): void => {
    isDone.add(key);
    fields.push([field, value]);
  };
  const { principal, credentials } = record;
  if (principal !== null && DIGEST.test(principal))
    put('principal', COMPACT_FIELD.principal, Buffer.from(principal, 'hex'));
  if (credentials === null) put('credentials', COMPACT_FIELD.credentials, '');
  else if (credentials !== undefined && DIGEST.test(credentials))
    put('credentials', COMPACT_FIELD.credentials, Buffer.from(credentials, 'hex'));
  if (record.hasGetStream) put('hasGetStream', COMPACT_FIELD.hasGetStream, 1);
  const rest = Object.entries(record).filter(([key, value]) => !isDone.has(key) && !isUsual(record, key, value));
  if (rest.length > 0) fields.push([COMPACT_FIELD.more, JSON.stringify(Object.fromEntries(rest))]);
  return { fields, shared: { name, text } };
}

function isUsual(record: SessionRecord, key: string, value: unknown): boolean {
  if (value === undefined) return true;
  if (key === 'userId') return value === userIdOf(record.principal);
  if (key === 'subscriptions') return Array.isArray(value) && value.length === 0;
  if (key === 'principal') return value === null;
  return key in USUAL && USUAL[key] === value;
}

/** The name of what a record shares; undefined for a record of version 1. */
export const sharedNameOf = (hash: SessionHash): string | undefined => hash[COMPACT_FIELD.shared]?.toString();

/**
 * The record in its hash, in whichever form, not yet checked. `shared`: the text that a compact one names; null where that is gone. Undefined: it is
 * not JSON or too long, or there is no record.
 */
export function recordContent(server: string, digest: string, hash: SessionHash, shared: string | null): unknown {
  const plain = hash['record'];
  if (plain !== undefined) return plain.length > MOST_PLAIN_BYTES ? undefined : parseJson(plain.toString());
  return sharedNameOf(hash) === undefined || shared === null ? undefined : decodeCompact(server, digest, hash, shared);
}

/** Undefined: it or what it shares is no JSON object. */
function decodeCompact(server: string, digest: string, hash: SessionHash, shared: string): object | undefined {
  if ((hash[COMPACT_FIELD.more]?.length ?? 0) > MOST_MORE_BYTES) return undefined;
  const common = parseJsonObject(shared),
    more = parseJsonObject(hash[COMPACT_FIELD.more]?.toString() ?? '{}');
  if (!common || !more) return undefined;
  if (Array.isArray(more['moves'])) more['moves'] = more['moves'].slice(-MOST_MOVES);
  const principal = keyedDigest(hash[COMPACT_FIELD.principal]) ?? null,
    atMs = Number(hash['at']?.toString()),
    credentials = hash[COMPACT_FIELD.credentials];
  return {
    principal,
    userId: userIdOf(typeof more['principal'] === 'string' ? more['principal'] : principal),
    ...USUAL,
    subscriptions: [],
    ...common,
    ...(credentials && { credentials: credentials.length === 0 ? null : keyedDigest(credentials) }),
    ...(hash[COMPACT_FIELD.hasGetStream] && { hasGetStream: true }),
    ...more,
    version: Number(hash['version']?.toString()),
    server,
    digest,
    slot: hash['slot']?.toString(),
    upstreamId: hash[COMPACT_FIELD.upstream]?.toString(),
    epoch: Number(hash['epoch']?.toString()),
    createdAtMs: Number(hash[COMPACT_FIELD.created]?.toString()),
    lastActivityMs: atMs,
    isTombstone: false,
  };
}

/** Whatever is there and is no digest stays something that no request has. */
const keyedDigest = (bytes: Buffer | undefined): string | undefined => bytes?.toString('hex');

/**
 * The name of the door that keeps a digest as ended: the unbound form of a bound session's id. 96 bits of the digest: two that are alike would make a
 * session count as ended, and never open one.
 */
export const doorName = (digest: string): string => Buffer.from(digest, 'hex').subarray(0, 12).toString('base64url');

/** A member of a slot's index: the digest in 32 bytes, or as hex where a record of version 1 is. */
export const digestOfMember = (member: Buffer): string =>
  member.length === DIGEST_BYTES ? member.toString('hex') : member.toString();
