import { rpcErrors, type RpcError, type RpcId } from '../../../proto/rpc-error.ts';
import type { LimitRefusal } from '../../budget/limit-error.ts';
import type { ClientAnswer } from './client-answer.ts';
import type { ClientRequest } from './client-request.ts';
import { errorForm, isOnSession } from './error-form.ts';
import { dropRest } from './refuse.ts';

/** `limit`: its name. `retryAfterMs`: when there will be room again, where that is known. */
export interface CallRefusal extends Omit<LimitRefusal, 'limit'> {
  limit: string;
  retryAfterMs?: number;
}

/** What is known of the body that is refused. */
export interface RefusedBody {
  /** Of its requests. */
  ids: readonly RpcId[];
  isBatch: boolean;
  isRead: boolean;
}

/** Refuses a POST that is beyond a limit, before it went anywhere, in the form that the client's session survives. */
export function refuseCall(
  client: Pick<ClientAnswer, 'accepted' | 'errors' | 'errorResults'>,
  request: Pick<ClientRequest, 'clientId' | 'incoming' | 'isSseMessage' | 'server' | 'mayHaveRun'>,
  refusal: CallRefusal,
  { ids, isBatch, isRead }: RefusedBody,
): void {
  const { status, retryAfterMs } = refusal;
  // Nobody reads the body of an answer to a message of HTTP+SSE: only its status says that it was refused.
  const { incoming, mayHaveRun, server } = request;
  const facts = { isOnSession: isOnSession(request) && !request.isSseMessage, isRead, mayHaveArrived: mayHaveRun };
  const form = errorForm(status, { ...facts, hasRequests: ids.length > 0 });
  const errors = refusalErrors(refusal, server, ids, mayHaveRun);
  if (form === 'accepted') client.accepted();
  else if (form === 'result') client.errorResults(errors, isBatch, incoming);
  else client.errors(status, errors, isBatch, retryAfterMs === undefined ? {} : retryAfter(retryAfterMs));
  dropRest(incoming);
}

/** The error of each refused request, by its id. */
export function refusalErrors(
  { status, code, message, limit, retryAfterMs }: CallRefusal,
  server: string,
  ids: readonly RpcId[],
  mayHaveRun = false,
): RpcError[] {
  const retry = retryAfterMs === undefined ? {} : { retryAfterMs };
  const delivery = mayHaveRun
    ? ({ outcome: 'sent_no_response', retrySafe: false } as const)
    : ({ outcome: 'not_sent', retrySafe: status === 503 } as const);
  const facts = { ...delivery, server, attempts: 0, limit, ...retry };
  return rpcErrors(ids, code, message, facts);
}

/** The header, in whole seconds. */
export const retryAfter = (ms: number): { 'retry-after': number } => ({
  'retry-after': Math.max(1, Math.ceil(ms / 1000)),
});
