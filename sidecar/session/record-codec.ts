import { parseJson } from '../../proto/parse-json.ts';
import { RECORD_VERSION, sessionRecordSchema, type SessionRecord } from '../../proto/session-record.ts';
import { StoreError } from './store-error.ts';

/** Fields of the Redis hash that holds one record: what scripts compare or change stands beside the JSON and wins over it. */
const FIELD = {
  record: 'record',
  version: 'version',
  epoch: 'epoch',
  slot: 'slot',
  upstream: 'upstream',
  activity: 'at',
  dead: 'dead',
  ttl: 'ttl',
  revision: 'rev',
  /** Digest of the session's unbound form, where a tombstone is. */
  unbound: 'unbound',
} as const;

/** What is known of a session that ended before its record was seen: nothing but its end. */
export function blankTombstone(server: string, digest: string, nowMs: number): SessionRecord {
  return {
    version: RECORD_VERSION,
    server,
    type: 'http',
    digest,
    principal: null,
    userId: 'anonymous',
    initializeParams: {},
    protocolVersion: '',
    capabilities: {},
    logLevel: null,
    subscriptions: [],
    hasGetStream: false,
    backend: '',
    slot: '',
    upstreamId: '',
    epoch: 0,
    createdAtMs: nowMs,
    lastActivityMs: nowMs,
    isTombstone: true,
  };
}

export function encodeRecord(record: SessionRecord): string {
  return JSON.stringify(record);
}

/**
 * Reads a record from its hash. A record of a later version is read as far as it fits. A field that changed its shape takes the blank
 * value.
 * @throws StoreError `bad-record` when one of this version can't be read.
 */
export function decodeRecord(server: string, digest: string, hash: Record<string, string>): SessionRecord {
  const activityMs = Number(hash[FIELD.activity] ?? 0);
  const isTombstone = hash[FIELD.dead] === '1';
  const text = hash[FIELD.record];
  if (text === undefined) {
    if (isTombstone) return blankTombstone(server, digest, activityMs);
    throw new StoreError('bad-record', `session ${digest.slice(0, 12)} of ${server}: the record field is missing`);
  }
  const value = parseJson(text);
  if (value === undefined) throw new StoreError('bad-record', `session ${digest.slice(0, 12)} of ${server}: not JSON`);
  const record = fit(value, server, digest, activityMs);
  record.lastActivityMs = Math.max(record.lastActivityMs, activityMs);
  record.isTombstone ||= isTombstone;
  return record;
}

function fit(value: unknown, server: string, digest: string, activityMs: number): SessionRecord {
  const parsed = sessionRecordSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version !== 'number' || version <= RECORD_VERSION) {
    const issue = parsed.error.issues[0];
    throw new StoreError(
      'bad-record',
      `session ${digest.slice(0, 12)} of ${server}: ${issue?.path.join('.')}: ${issue?.message}`,
    );
  }
  const misfits = new Set(parsed.error.issues.map((issue) => issue.path[0]));
  const blank = { ...blankTombstone(server, digest, activityMs), isTombstone: false } as Record<string, unknown>;
  const kept = Object.entries(value as object).filter(([key]) => !misfits.has(key));
  return { ...blank, ...Object.fromEntries(kept), version } as SessionRecord;
}
