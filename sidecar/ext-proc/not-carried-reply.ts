import { RPC_ERROR, rpcError, type RpcId } from '../../proto/rpc-error.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import { isCarried, NOT_CARRIED } from '../../proto/session-id.ts';
import { answerReply, type Reply } from './replies.ts';

/**
 * The refusal of a session that began with an id under which the relay could not find it; null for any other. Calls that do not pass the relay need no
 * such id. `slot`: of the replica that gave it.
 */
export function notCarriedReply(
  session: { clientId: string; upstreamId: string; slot: string },
  rpcId: RpcId,
  { name, policy }: { name: string; policy: Pick<ServerPolicy, 'guard'> },
): Reply | null {
  if (!policy.guard.includes('calls') || isCarried(session)) return null;
  const told = {
    outcome: 'sent_no_response',
    retrySafe: true,
    server: name,
    replica: session.slot,
    attempts: 1,
  } as const;
  return answerReply(502, rpcError(rpcId, RPC_ERROR.badAnswer, NOT_CARRIED, told));
}
