import { isoTime } from '../../proto/iso-time.ts';
import type { Outcome } from '../../proto/outcome.ts';
import { sessionDigest } from '../../proto/session-record.ts';

/** Enough of the digest to follow one session; the session id itself is a credential. */
const DIGEST_DIGITS = 12;

/** One call of the audit trail. Never arguments, results, tokens, session ids or addresses. */
export interface AuditRecord {
  audit: 'call';
  time: string;
  principal: string | null;
  server: string;
  method: string;
  tool: string | null;
  outcome: Outcome['kind'];
  status: number;
  errorCode: number | null;
  durationMs: number;
  slot: string | null;
  session: string | null;
  traceId: string | null;
}

export function auditRecord(outcome: Outcome, principal: string | null): AuditRecord {
  const { server, slot, method, tool, kind, status, errorCode, durationMs, startedAtMs, session, traceId } = outcome;
  return {
    audit: 'call',
    time: isoTime(startedAtMs),
    principal,
    server,
    method,
    tool,
    outcome: kind,
    status,
    errorCode,
    durationMs: Math.round(durationMs),
    slot,
    session: session === null ? null : sessionDigest(session).slice(0, DIGEST_DIGITS),
    traceId,
  };
}

/** Where records go. Writing never waits: a record that has no place is lost, and counted. */
export interface AuditSink {
  write(record: AuditRecord): void;
  /** Resolves when what was written is on its way. */
  close(): Promise<void>;
}
