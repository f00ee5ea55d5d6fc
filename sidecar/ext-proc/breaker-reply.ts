import { RPC_ERROR, rpcError, type RpcId } from '../../proto/rpc-error.ts';
import type { BreakerName } from '../breaker/breaker-table.ts';
import { answerReply, type Reply } from './replies.ts';

export interface OpenBreaker {
  server: string;
  slot: string | null;
  retryAfterMs: number;
  /** Absent where every replica's is open. */
  breaker?: BreakerName;
}

/** The answer to a request that a breaker turns away. */
export function breakerReply(id: RpcId, { server, slot, retryAfterMs, breaker }: OpenBreaker): Reply {
  const data = {
    outcome: 'not_sent' as const,
    retrySafe: true,
    server,
    replica: slot,
    attempts: 0,
    sessionRecovered: false,
    ...(breaker && { breaker: { level: breaker.level, key: breaker.key } }),
    retryAfterMs: Math.ceil(retryAfterMs),
  };
  return answerReply(
    503,
    rpcError(id, RPC_ERROR.breakerOpen, 'A circuit breaker is open', data),
    Math.max(1, Math.ceil(retryAfterMs / 1000)),
  );
}
