import { ping, upstreamSession } from '../../replica/session-messages.ts';
import type { ServerPolicy } from '../../../proto/server-policy.ts';
import type { Target } from './target.ts';
import type { RelayContext } from '../relay-context.ts';

/** `alive`: only a connection broke. */
export type SessionState = 'alive' | 'unknown-session' | 'uninitialized' | 'unreachable' | 'hanging';

/** Words with which older servers say 400 for a session that they don't know. */
export const SESSION_WORDS = /session/i;
/** What Python servers answer to everything on a session that was never initialized. */
export const UNINITIALIZED = { code: -32602, message: 'Invalid request parameters' };

/** Is the session still where it was? Asked with a ping when a connection broke, so that one broken connection moves nobody. */
export async function probeSession(
  { upstream }: Pick<RelayContext, 'upstream'>,
  policy: ServerPolicy,
  target: Target,
  headers: readonly string[],
): Promise<SessionState> {
  if (upstream.hasRefused(target.replica.address)) return 'unreachable';
  const answer = await ping(upstream, upstreamSession(policy, target, headers), policy.timeouts.connectMs);
  if (answer.kind === 'timeout') return 'hanging';
  if (answer.kind === 'failed') return 'unreachable';
  if (answer.status === 404 || (answer.status === 400 && SESSION_WORDS.test(answer.body.toString('latin1', 0, 4096))))
    return 'unknown-session';
  if (answer.rpc?.error?.code === UNINITIALIZED.code) return 'uninitialized';
  return answer.status >= 502 && answer.status <= 504 ? 'unreachable' : 'alive';
}
