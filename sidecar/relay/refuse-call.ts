import { rpcError, type RpcId } from '../../proto/rpc-error.ts';
import type { LimitRefusal } from '../budget/limit-error.ts';
import type { ClientAnswer } from './client-answer.ts';
import type { ClientRequest } from './client-request.ts';
import { errorForm } from './error-form.ts';
import { dropRest } from './refuse.ts';

/** What is known of the body that is refused. */
export interface RefusedBody {
  /** Of its requests. */
  ids: readonly RpcId[];
  isBatch: boolean;
  isRead: boolean;
}

/**
 * Refuses a POST that is beyond a limit, before it went anywhere, in the form that the client's session survives. false: its form is the plain HTTP
 * status, which is the caller's to send.
 */
export function refuseCall(
  client: ClientAnswer,
  { clientId, incoming, server }: ClientRequest,
  { status, code, message, limit }: LimitRefusal,
  { ids, isBatch, isRead }: RefusedBody,
): boolean {
  const isOnSession = clientId !== null;
  const form = errorForm(status, { isOnSession, hasRequests: ids.length > 0, isRead, mayHaveArrived: false });
  if (form === 'status') return false;
  if (form === 'accepted') client.accepted();
  else {
    const data = { outcome: 'not_sent', retrySafe: status === 503, server, attempts: 0, limit } as const;
    client.errorResults(
      ids.map((id) => rpcError(id, code, message, data)),
      isBatch,
      incoming,
    );
  }
  dropRest(incoming);
  return true;
}
