import type { Outcome, OutcomeKind } from '../../proto/outcome.ts';
import type { BreakerLevel, Verdict } from './verdict.ts';

export interface Blame {
  /** The operator wants `isError` results, and errors of the server's own making, to count against the tool. */
  countToolErrors: boolean;
  /** Several tools of this replica show server errors lately, so it is not one tool's bug. */
  isServerErrorWidespread: boolean;
}

/** What an outcome says at each level. `asked`: against the tool if the operator asks. `widespread`: against the replica if several tools show it. */
const TABLE: Record<OutcomeKind, Record<BreakerLevel, Verdict | 'asked' | 'widespread'>> = {
  success: { replica: 'success', tool: 'success' },
  // The replica answered as it should; whether the tool's own failures matter is the operator's to say.
  tool_error: { replica: 'success', tool: 'asked' },
  protocol_error: { replica: 'success', tool: 'asked' },
  server_error: { replica: 'widespread', tool: 'failure' },
  // Nobody knows what the tool would have answered.
  replica_fault: { replica: 'failure', tool: 'ignore' },
  // Backing off is the cure; a breaker would only move the load.
  overload: { replica: 'ignore', tool: 'ignore' },
  // Cured by recovery; a burst is reported to the control plane, not to a breaker.
  lost_session: { replica: 'ignore', tool: 'ignore' },
  client_fault: { replica: 'ignore', tool: 'ignore' },
  cancelled: { replica: 'ignore', tool: 'ignore' },
  unread: { replica: 'ignore', tool: 'ignore' },
};

/** The blame table: what an outcome of this kind says about a breaker of this level. */
export function classify(kind: OutcomeKind, level: BreakerLevel, blame: Blame): Verdict {
  const entry = TABLE[kind][level];
  if (entry === 'asked') return blame.countToolErrors ? 'failure' : 'success';
  if (entry === 'widespread') return blame.isServerErrorWidespread ? 'failure' : 'ignore';
  return entry;
}

/**
 * Messages that a replica takes without doing anything for them. That it took one proves nothing. Clients send
 * `notifications/cancelled` after each call that hung, and a 202 for that must not wipe out the fault before it.
 */
export const isSilent = (method: string): boolean =>
  method.startsWith('notifications/') || method === 'response' || method === 'GET' || method === 'DELETE';

/** Methods whose answer is a stream that lasts as long as the client likes: their duration says nothing. */
const ENDLESS = new Set(['GET', 'subscriptions/listen']);

/** A call that waited for its own client took as long as the client did. */
export const isSlow = (
  { durationMs, method, hasWaitedForClient = false }: Pick<Outcome, 'method' | 'durationMs' | 'hasWaitedForClient'>,
  slowCallMs: number,
): boolean => durationMs > slowCallMs && !hasWaitedForClient && !ENDLESS.has(method);
