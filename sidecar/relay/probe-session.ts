import { askReplica } from '../recovery/ask-replica.ts';
import { ownMessageHeaders } from '../recovery/upstream-headers.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import type { Target } from './target.ts';
import type { RelayContext } from './relay-context.ts';

/** `alive`: only a connection broke. */
export type SessionState = 'alive' | 'unknown-session' | 'uninitialized' | 'unreachable' | 'hanging';

/** Words with which older servers say 400 for a session that they don't know. */
export const SESSION_WORDS = /session/i;
/** What Python servers answer to everything on a session that was never initialized. */
export const UNINITIALIZED = { code: -32602, message: 'Invalid request parameters' };

/** Is the session still where it was? Asked with a ping when a connection broke, so that one broken connection moves nobody. */
export async function probeSession(
  ctx: Pick<RelayContext, 'upstream' | 'refusals' | 'now'>,
  policy: ServerPolicy,
  target: Target,
  headers: readonly string[],
): Promise<SessionState> {
  if (ctx.refusals.has(target.replica.address, ctx.now())) return 'unreachable';
  const answer = await askReplica(
    ctx.upstream,
    {
      address: target.replica.address,
      method: 'POST',
      path: policy.path,
      // Never the client's own version header: an unsupported one would be refused, whatever the session.
      headers: ownMessageHeaders(headers, target.upstreamId, target.record?.protocolVersion ?? null),
      body: Buffer.from('{"jsonrpc":"2.0","id":"holdfast-ping","method":"ping"}'),
      connectTimeoutMs: policy.timeouts.connectMs,
    },
    policy.timeouts.connectMs,
  );
  if (answer.kind === 'timeout') return 'hanging';
  if (answer.kind === 'failed') {
    if (answer.failure.code === 'ECONNREFUSED') ctx.refusals.note(target.replica.address, ctx.now());
    return 'unreachable';
  }
  if (answer.status === 404 || (answer.status === 400 && SESSION_WORDS.test(answer.body.toString('latin1', 0, 4096))))
    return 'unknown-session';
  if (answer.rpc?.error?.code === UNINITIALIZED.code) return 'uninitialized';
  return answer.status >= 502 && answer.status <= 504 ? 'unreachable' : 'alive';
}
