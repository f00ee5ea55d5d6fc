import type { LimitName } from '../../proto/limits.ts';
import { rpcError, type RpcId } from '../../proto/rpc-error.ts';
import { limitRefusal } from '../budget/limit-error.ts';
import { answerReply, type Reply } from './replies.ts';

/** The answer to a request that is beyond a limit. */
export function limitReply(limit: LimitName, id: RpcId, server: string): Reply {
  const { status, code, message } = limitRefusal(limit, server);
  return answerReply(status, rpcError(id, code, message), status === 503 ? 1 : undefined);
}
