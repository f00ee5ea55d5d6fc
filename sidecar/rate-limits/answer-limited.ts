import type { IncomingMessage } from 'node:http';
import type { RpcBody } from '../../proto/json-rpc.ts';
import { RPC_ERROR, rpcError, type RpcId } from '../../proto/rpc-error.ts';
import { errorForm } from '../relay/error-form.ts';
import type { ClientAnswer } from '../relay/client-answer.ts';
import type { Taken } from './local-buckets.ts';

interface Limited {
  server: string;
  clientId: string | null;
  isSseMessage: boolean;
  incoming: Pick<IncomingMessage, 'headers'>;
}

/** The answer to a call beyond a limit of the fleet: it was sent nowhere, and may be sent again after `retryAfterMs`. */
export function answerLimited(
  { limit, retryAfterMs }: Extract<Taken, { is: 'refused' }>,
  { server, clientId, isSseMessage, incoming }: Limited,
  client: Pick<ClientAnswer, 'errors' | 'errorResults'>,
  rpc: RpcBody,
  ids: readonly RpcId[],
): void {
  const message = `Too many calls in the fleet (limit: servers[${server}].fleetLimits, ${limit})`,
    data = { outcome: 'not_sent', retrySafe: true, server, attempts: 0, limit, retryAfterMs } as const,
    errors = (ids.length > 0 ? ids : [null]).map((id) => rpcError(id, RPC_ERROR.overload, message, data)),
    isBatch = rpc.kind === 'batch',
    form = errorForm(503, {
      ...{ isOnSession: clientId !== null && !isSseMessage, hasRequests: ids.length > 0 },
      ...{ isRead: true, mayHaveArrived: false },
    });
  if (form === 'result') client.errorResults(errors, isBatch, incoming);
  else client.errors(503, errors, isBatch, { 'retry-after': Math.max(1, Math.ceil(retryAfterMs / 1000)) });
}
