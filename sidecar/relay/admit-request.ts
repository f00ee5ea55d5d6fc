import type { ServerResponse } from 'node:http';
import { messagesOf, type RpcBody } from '../../proto/json-rpc.ts';
import type { LimitName } from '../../proto/limits.ts';
import { shareOf } from '../budget/call-shares.ts';
import { clientAddress } from '../budget/client-address.ts';
import { readInitialize } from '../budget/read-initialize.ts';
import type { ServerView } from '../xds/topology.ts';
import type { ClientRequest, PostBody } from './client/client-request.ts';
import type { RelayContext } from './relay-context.ts';

type Context = Pick<RelayContext, 'calls' | 'shares' | 'sessions' | 'metrics'>;

/**
 * Whether a POST may go on; the limit's name when it is beyond one. What is refused is counted here. A request that may go on counts among its
 * client's calls until its response is over.
 */
export function admitPost(
  ctx: Context,
  view: ServerView,
  request: ClientRequest,
  response: Pick<ServerResponse, 'on'>,
  { bytes, rpc }: PostBody,
): LimitName | null {
  const limit = refusalOf(ctx, view, request, rpc, bytes);
  // Answers to the server's questions and notifications always pass: they end calls.
  if (limit !== null || !hasRequests(rpc)) return limit;
  const key = `${view.name} ${clientAddress(request.incoming.headers)}`;
  if (!ctx.shares.take(key, shareOf(view.policy.limits.callsPerClientPercent)))
    return counted(ctx, view, 'calls_per_client');
  response.on('close', () => ctx.shares.release(key));
  return null;
}

function refusalOf(
  ctx: Context,
  view: ServerView,
  request: ClientRequest,
  rpc: RpcBody,
  body: Buffer,
): LimitName | null {
  const { limits } = view.policy,
    isBeginning = messagesOf(rpc).some(({ method }) => method === 'initialize');
  // What is kept of a body is no larger than the body. Over HTTP+SSE a session is there before its initialize.
  if (isBeginning && body.length > limits.initializeBytes && readInitialize(body, limits.initializeBytes).isTooLarge)
    return counted(ctx, view, 'initialize_bytes');
  if (request.digest !== null) {
    const isBeyond =
      limits.callsPerSession > 0 && ctx.calls.of(request.digest) >= limits.callsPerSession && hasRequests(rpc);
    return isBeyond ? counted(ctx, view, 'calls_per_session') : null;
  }
  if (!isBeginning) return null;
  // ext_proc has counted it already, if it could read it; then its replica was not to be reached.
  return request.mode === 'decide' && rpc.kind === 'single'
    ? null
    : ctx.sessions.refusal(view.name, clientAddress(request.incoming.headers));
}

/** Whether a GET without a session, which begins one of HTTP+SSE, may go on. */
export const admitSse = (ctx: Context, view: ServerView, { incoming }: ClientRequest): LimitName | null =>
  ctx.sessions.refusal(view.name, clientAddress(incoming.headers));

const hasRequests = (rpc: RpcBody): boolean => messagesOf(rpc).some(({ kind }) => kind === 'request');

function counted({ metrics }: Context, { name }: ServerView, limit: LimitName): LimitName {
  metrics.refused(name, limit);
  return limit;
}
