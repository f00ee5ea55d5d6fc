import { RPC_ERROR, rpcError, type RpcId } from '../../proto/rpc-error.ts';
import { answerReply, type Reply } from './replies.ts';

/** The answer to a request that would begin a session, and for which there is no replica. */
export function noReplicaReply(id: RpcId, server: string): Reply {
  const error = rpcError(id, RPC_ERROR.noReplica, 'No replica can take the session now', {
    outcome: 'not_sent',
    retrySafe: true,
    server,
    replica: null,
    attempts: 0,
    sessionRecovered: false,
  });
  return answerReply(503, error, 1);
}
