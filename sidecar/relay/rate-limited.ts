import type { IncomingMessage, ServerResponse } from 'node:http';
import { readRpcBody, type RpcBody } from '../../proto/json-rpc.ts';
import { HEADER } from '../../proto/wire.ts';
import { limitRefusal } from '../budget/limit-error.ts';
import { readLimitedBody, type BodyRead } from '../budget/read-limited-body.ts';
import type { ServerView } from '../xds/topology.ts';
import { RequestOutcome } from './call/request-outcome.ts';
import type { ClientAnswer } from './client/client-answer.ts';
import type { ClientRequest, PostBody } from './client/client-request.ts';
import { requestIds } from './client/mesh-errors.ts';
import { refuse } from './client/refuse.ts';
import { refuseCall, type RefusedBody } from './client/refuse-call.ts';
import type { RelayContext } from './relay-context.ts';

/** Bytes that are kept of a body for the ids in it. Of one up to four times as long, the id is looked for at its ends. */
const KEPT_BYTES = 16 << 10;

const UNREAD: RefusedBody = { ids: [], isBatch: false, isRead: false };

/** Whether Envoy found a request beyond `servers[].rateLimit`. A client can't say so: Envoy removes its `x-holdfast-*`. */
export const isRateLimited = ({ headers }: IncomingMessage): boolean => headers[HEADER.rateLimited] !== undefined;

/**
 * Refuses a request beyond `servers[].rateLimit`: a POST with the ids of its requests, as far as they are found cheaply. No replica hears of it.
 * A short POST that asks nothing (answers to the server, notifications) goes to `goOn`: it ends calls.
 */
export function refuseRateLimited(
  ctx: RelayContext,
  view: ServerView,
  request: ClientRequest,
  response: ServerResponse,
  client: ClientAnswer,
  goOn: (body: PostBody) => unknown,
): void {
  const { incoming } = request,
    refusal = limitRefusal('request_rate', view.name);
  if (incoming.method !== 'POST') {
    ctx.metrics.refused(view.name, 'request_rate');
    return refuse(response, incoming, refusal);
  }
  const { gatewayLimits: gateway, maxBodyBytes } = view.policy,
    limits = { maxBytes: Math.min(KEPT_BYTES, maxBodyBytes), gateway, budget: ctx.bodies, isIdNeeded: true };
  readLimitedBody(incoming, response, limits, (read) =>
    client.guard(() => {
      if (read.is === 'gone') return undefined;
      const rpc = read.is === 'whole' ? readRpcBody(read.body) : null,
        known = knownOf(read, rpc);
      if (read.is === 'whole' && rpc && known.isRead && known.ids.length === 0) return goOn({ bytes: read.body, rpc });
      ctx.metrics.refused(view.name, 'request_rate');
      refuseCall(client, request, refusal, known);
      return new RequestOutcome(ctx, request, rpc).finish(client.status, true, 'client_fault');
    }),
  );
}

function knownOf(read: BodyRead, rpc: RpcBody | null): RefusedBody {
  if (rpc && rpc.kind !== 'invalid') return { ids: requestIds(rpc), isBatch: rpc.kind === 'batch', isRead: true };
  return read.is === 'refused' && read.id !== null ? { ids: [read.id], isBatch: false, isRead: true } : UNREAD;
}
