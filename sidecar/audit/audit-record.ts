import type { Outcome } from '../../proto/outcome.ts';
import { sessionDigest } from '../../proto/session-record.ts';

/** Enough of the digest to follow one session; the session id itself is a credential. */
const DIGEST_DIGITS = 12;

/** One line of the audit trail. Never arguments, results, tokens, session ids or addresses. */
export function auditRecord(outcome: Outcome, principal: string | null): string {
  const { server, slot, method, tool, kind, status, errorCode, durationMs, startedAtMs, session, traceId } = outcome;
  return JSON.stringify({
    audit: 'call',
    time: new Date(startedAtMs).toISOString(),
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
  });
}
