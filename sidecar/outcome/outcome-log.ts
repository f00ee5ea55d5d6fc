import { isoTime } from '../../proto/iso-time.ts';
import { sessionDigest } from '../../proto/session-record.ts';
import type { Outcome, OutcomeKind } from '../../proto/outcome.ts';

/** The two methods of a pino logger that are used. */
export interface OutcomeLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Somebody should look at these; the others are the client's or the tool's own affair. */
const SERIOUS: ReadonlySet<OutcomeKind> = new Set(['replica_fault', 'server_error', 'lost_session', 'overload']);

/** Enough of the digest to follow one session through the log; the session id itself is a credential. */
const DIGEST_DIGITS = 12;

export interface OutcomeLogOptions {
  logger: OutcomeLogger;
  /** Share of successes (and of requests whose answer nobody read) that are logged, 0–1, by server. */
  successSample: (server: string) => number;
  random?: () => number;
}

/** One line for each request that is not a success. Never a session id, a token, an argument or a result. A sink of the OutcomeBus. */
export function outcomeLog({
  logger,
  successSample,
  random = Math.random,
}: OutcomeLogOptions): (outcome: Outcome) => void {
  return (outcome) => {
    // Nobody read it, so nothing is known to be wrong; where answers aren't read, that is every request.
    if (outcome.kind === 'success' || outcome.kind === 'unread') {
      const share = successSample(outcome.server);
      if (share <= 0 || random() >= share) return;
    }
    const {
      kind,
      server,
      slot,
      backend,
      method,
      tool,
      status,
      errorCode,
      durationMs,
      startedAtMs,
      source,
      mode,
      traceId,
      session,
    } = outcome;
    logger[SERIOUS.has(kind) ? 'warn' : 'info'](
      {
        outcome: kind,
        server,
        method,
        status,
        durationMs: Math.round(durationMs * 1000) / 1000,
        mode,
        source,
        startedAt: isoTime(startedAtMs),
        ...(slot !== null && { slot }),
        ...(backend !== null && { backend }),
        ...(tool !== null && { tool }),
        ...(errorCode !== null && { errorCode }),
        ...(traceId !== null && { traceId }),
        ...(session !== null && { session: sessionDigest(session).slice(0, DIGEST_DIGITS) }),
      },
      `request came to ${kind}`,
    );
  };
}
