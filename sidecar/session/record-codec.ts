import { recordContent, type SessionHash } from '../../proto/compact-record.ts';
import { RECORD_VERSION, sessionRecordSchema, type SessionRecord } from '../../proto/session-record.ts';
import { StoreError } from './store-error.ts';

/** Fields of the Redis hash that holds one record: what scripts compare or change stands beside the rest and wins over it. */
const FIELD = {
  activity: 'at',
  dead: 'dead',
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
 * value. `shared`: the text that a compact record names.
 * @throws StoreError `bad-record` when one of this version can't be read.
 */
export function decodeRecord(server: string, digest: string, hash: SessionHash, shared: string | null): SessionRecord {
  const activityMs = Number(hash[FIELD.activity]?.toString() ?? 0);
  const isTombstone = hash[FIELD.dead]?.toString() === '1';
  const value = recordContent(server, digest, hash, shared ?? BLANK_SHARED);
  if (value === undefined) {
    if (isTombstone) return blankTombstone(server, digest, activityMs);
    throw new StoreError('bad-record', `session ${digest.slice(0, 12)} of ${server}: not JSON, or there is no record`);
  }
  const record = fit(value, server, digest, activityMs);
  // What is known of it is of this version, however it was written.
  record.version = Math.max(record.version, RECORD_VERSION);
  record.lastActivityMs = Math.max(record.lastActivityMs, activityMs);
  record.isTombstone ||= isTombstone;
  return record;
}

/** For a session that ended: what it shared may be gone before it. */
const BLANK_SHARED = JSON.stringify({
  type: 'http',
  backend: '',
  initializeParams: {},
  protocolVersion: '',
  capabilities: {},
});

function fit(value: unknown, server: string, digest: string, activityMs: number): SessionRecord {
  const parsed = sessionRecordSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const version = (value as { version?: unknown } | null)?.version;
  // No number counts as a version of ours.
  if (typeof version !== 'number' || !(version > RECORD_VERSION)) {
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
