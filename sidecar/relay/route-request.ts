import type { IncomingMessage, ServerResponse } from 'node:http';
import { readRpcBody, type RpcBody } from '../../proto/json-rpc.ts';
import { JSON_RPC_ERROR, RPC_ERROR } from '../../proto/rpc-error.ts';
import { HEADER } from '../../proto/wire.ts';
import { clientAddress } from '../budget/client-address.ts';
import { limitRefusal } from '../budget/limit-error.ts';
import { readLimitedBody, type BodyLimits } from '../budget/read-limited-body.ts';
import { LEAST_MS, type Turns } from '../budget/turns.ts';
import { answerDenied } from '../authorization/answer-denied.ts';
import { runModern } from './route-modern.ts';
import { refusalOfUnverified } from '../principal/identities.ts';
import { fleetRefusal } from '../rate-limits/fleet-refusal.ts';
import { isRateLimited, refuseRateLimited } from './rate-limited.ts';
import type { ServerView } from '../xds/topology.ts';
import { admitPost, admitSse } from './admit-request.ts';
import { PostCall } from './call/post-call.ts';
import { runPost } from './call/run-post.ts';
import { AnyReplica } from './call/targets/any-replica.ts';
import { SessionTargets } from './call/targets/session.ts';
import type { ClientAnswer } from './client/client-answer.ts';
import type { ClientRequest, PostBody } from './client/client-request.ts';
import { deleteSession } from './delete-session.ts';
import { RequestOutcome } from './call/request-outcome.ts';
import { requestIds } from './client/mesh-errors.ts';
import { refuse } from './client/refuse.ts';
import { refuseCall, type RefusedBody } from './client/refuse-call.ts';
import { liveQuery, withQuery } from './client/live-query.ts';
import type { RelayContext } from './relay-context.ts';
import { readEventId } from './resume/event-id.ts';
import { resumeCall } from './resume/resume-call.ts';
import { GetStream } from './stream/get-stream.ts';
import { expiryOf } from './client/stream-expiry.ts';
import { HttpSseSession } from './http-sse/http-sse-session.ts';
import { postMessage } from './http-sse/post-message.ts';

/** Bodies longer than this, in bytes, are read in turn. */
const LONG_BODY = 16 << 10;

/**
 * Finds the handler of a request by method, era and session, and is the error boundary around it. Whatever a handler throws or rejects
 * with, at once or later, is counted and logged, and only this client gets an error.
 */
export function routeRequest(
  ctx: RelayContext,
  request: ClientRequest,
  response: ServerResponse,
  client: ClientAnswer,
): void {
  client.guard(() => route(ctx, request, response, client));
}

function route(ctx: RelayContext, request: ClientRequest, response: ServerResponse, client: ClientAnswer): unknown {
  const known = ctx.server(request.server);
  const { incoming } = request;
  if (!known)
    return refuse(response, incoming, { status: 503, code: RPC_ERROR.noReplica, message: whyUnknown(request.server) });
  const view = withQuery(known, liveQuery(request.path));
  const unverified = refusalOfUnverified(request.shown, view.policy);
  if (unverified) {
    if (unverified.status === 401) response.setHeader('www-authenticate', 'Bearer');
    return refuse(response, incoming, { ...unverified, code: RPC_ERROR.forbidden });
  }
  client.keepAliveMs = view.policy.timeouts.keepAliveMs;
  client.endsAtMs = expiryOf(request.shown, view);
  if (isRateLimited(incoming))
    return refuseRateLimited(ctx, view, request, response, client, (body) =>
      post(ctx, view, request, response, client, body),
    );
  switch (incoming.method) {
    case 'POST': {
      const read = (): void => readPost(ctx, view, request, response, client);
      if (!isLong(incoming)) return read();
      // Calls of sessions go first, long ones too.
      return inTurn(request.clientId === null ? ctx.beginnings : ctx.turns, request, client, LEAST_MS.body, read);
    }
    case 'GET': {
      incoming.resume();
      const primed = resumed(ctx, request);
      // A call that goes on is no beginning.
      return inTurn(primed ? ctx.turns : ctx.beginnings, request, client, LEAST_MS.beginning, () =>
        openStream(ctx, view, request, response, client, primed),
      );
    }
    case 'DELETE':
      incoming.resume();
      if (request.clientId === null)
        return refuse(response, incoming, {
          status: 400,
          code: RPC_ERROR.badRequest,
          message: 'DELETE needs a session id',
        });
      return deleteSession(ctx, view, request, client);
    default:
      return refuse(response, incoming, {
        status: 405,
        code: RPC_ERROR.badRequest,
        message: `${incoming.method} is not a method of MCP`,
      });
  }
}

function readPost(
  ctx: RelayContext,
  view: ServerView,
  request: ClientRequest,
  response: ServerResponse,
  client: ClientAnswer,
): void {
  readLimitedBody(request.incoming, response, bodyLimits(ctx, view, request), (read) =>
    client.guard(() => {
      if (read.is === 'gone') return undefined;
      if (read.is === 'refused') {
        ctx.metrics.refused(view.name, read.limit);
        const body = { ids: read.id === null ? [] : [read.id], isBatch: false, isRead: read.id !== null };
        return refuseCall(client, request, limitRefusal(read.limit, view.name), body);
      }
      const handle = (): unknown =>
        post(ctx, view, request, response, client, { bytes: read.body, rpc: readRpcBody(read.body) });
      // Calls of sessions go first.
      if (request.clientId !== null) return handle();
      return read.body.length > LONG_BODY
        ? inTurn(ctx.beginnings, request, client, LEAST_MS.beginning, handle)
        : inTurn(ctx.turns, request, client, LEAST_MS.call, handle);
    }),
  );
}

/** Whether a body may be longer than nearly all calls are. */
const isLong = ({ headers }: IncomingMessage): boolean =>
  headers['content-length'] === undefined || Number(headers['content-length']) > LONG_BODY;

/** Runs what costs much when it may have its share of the event loop. */
function inTurn(
  turns: Turns,
  request: ClientRequest,
  client: ClientAnswer,
  leastMs: number,
  begin: () => unknown,
): void {
  const takeBack = turns.run(clientAddress(request.incoming.headers), leastMs, () => {
    if (!client.isOver) client.guard(begin);
  });
  // A body that nobody waits for any more must not lie there until its turn.
  if (takeBack) client.onGone(takeBack);
}

function openStream(
  ctx: RelayContext,
  view: ServerView,
  request: ClientRequest,
  response: ServerResponse,
  client: ClientAnswer,
  primed: Resumed,
): unknown {
  client.listCut = ctx.access.ofStream(view.policy, request.shown.claims);
  if (request.digest !== null) return get(ctx, view, request, request.digest, response, client, primed);
  const limit = admitSse(ctx, view, request);
  if (limit !== null) return refuse(response, request.incoming, limitRefusal(limit, view.name));
  return new HttpSseSession(ctx, view, request, client).run();
}

/** The call that a GET comes back to. */
function resumed({ identities }: RelayContext, { digest, incoming }: ClientRequest): Resumed {
  const lastEventId = incoming.headers['last-event-id'];
  return digest !== null && typeof lastEventId === 'string' ? readEventId(identities, digest, lastEventId) : null;
}
type Resumed = ReturnType<typeof readEventId>;

/** A GET of a session: its stream, or a call that its client comes back to. */
function get(
  ctx: RelayContext,
  view: ServerView,
  request: ClientRequest,
  digest: string,
  response: ServerResponse,
  client: ClientAnswer,
  primed: Resumed,
): Promise<void> {
  if (primed)
    return resumeCall(ctx, view, request, client, primed, (repeated, body) =>
      post(ctx, view, repeated, response, client, body),
    );
  return new GetStream(ctx, view, request, digest, client).run();
}

function post(
  ctx: RelayContext,
  view: ServerView,
  request: ClientRequest,
  response: ServerResponse,
  client: ClientAnswer,
  body: PostBody,
): unknown {
  const { rpc } = body;
  client.asks = rpc;
  if (view.policy.authorization && !isPlain(request.incoming))
    return refuse(response, request.incoming, { status: 415, code: RPC_ERROR.badRequest, message: COMPRESSED });
  // A compressed body is the replica's to read. Any other one that is no message gets its answer here: nobody could say what became of it later.
  if (rpc.kind === 'invalid' && isPlain(request.incoming)) {
    const code = rpc.why === 'malformed' ? JSON_RPC_ERROR.parse : JSON_RPC_ERROR.invalidRequest;
    return refuse(response, request.incoming, { status: 400, code, message: WHY_INVALID[rpc.why] });
  }
  // Only a refusal needs the ids.
  const known = (): RefusedBody => ({
    ids: requestIds(rpc),
    isBatch: rpc.kind === 'batch',
    isRead: rpc.kind !== 'invalid',
  });
  const limit = admitPost(ctx, view, request, response, body);
  if (limit !== null) return refuseCall(client, request, limitRefusal(limit, view.name), known());
  const access = ctx.access.ofPost(view.policy, request.shown.claims, rpc, () => requestIds(rpc));
  if (access.is === 'denied') {
    answerDenied(access, request, client, rpc);
    return new RequestOutcome(ctx, request, rpc).finish(client.status, false, 'client_fault');
  }
  client.listCut = access.cut;
  const caller = (): string => callerOf(ctx, view, request),
    asked = ctx.fleetLimits.take(view.policy, rpc, caller, view.relays.length);
  if (asked === null) return forward(ctx, view, request, client, body);
  return asked.then((taken) => {
    if (client.isOver) return undefined;
    if (taken.is === 'taken') return forward(ctx, view, request, client, body);
    ctx.metrics.refused(view.name, 'fleet_rate');
    refuseCall(client, request, fleetRefusal(taken, view.name), known());
    return new RequestOutcome(ctx, request, rpc).finish(client.status, true, 'client_fault');
  });
}

/** Whom limits of the fleet count: the principal, and without one the client's address. */
const callerOf = ({ identities }: RelayContext, { policy }: ServerView, { shown, incoming }: ClientRequest): string =>
  identities.principalOf(shown, policy) ?? `address ${clientAddress(incoming.headers)}`;

function forward(
  ctx: RelayContext,
  view: ServerView,
  request: ClientRequest,
  client: ClientAnswer,
  body: PostBody,
): unknown {
  if (request.isSseMessage) return postMessage(ctx, view, request, client, body);
  const { clientId, digest } = request;
  if (clientId === null || digest === null) {
    const handled = runModern(ctx, view, request, client, body);
    if (handled) return handled;
  }
  const call = new PostCall(ctx, view, request, client, body);
  const isOnSession = clientId !== null && digest !== null;
  return runPost(call, isOnSession ? new SessionTargets(call, clientId, digest) : new AnyReplica(call, 'legacy'));
}

const WHY_INVALID: Record<Extract<RpcBody, { kind: 'invalid' }>['why'], string> = {
  malformed: 'Parse error: the body is not JSON, or is nested too deep',
  'no-message': 'Invalid Request: the body is no JSON-RPC message',
  'too-many': 'Invalid Request: too many messages in one batch',
};

const COMPRESSED = 'A compressed body can’t be compared with the rules of the server (servers[].authorization)';

const isPlain = ({ headers }: IncomingMessage): boolean =>
  headers['content-encoding'] === undefined || headers['content-encoding'] === 'identity';

const whyUnknown = (server: string): string =>
  server === ''
    ? `no ${HEADER.server} header: the request did not come through the gateway`
    : `server ${JSON.stringify(server)} is not known to this gateway (yet)`;

const bodyLimits = ({ bodies }: RelayContext, { policy }: ServerView, { clientId }: ClientRequest): BodyLimits => ({
  isIdNeeded: clientId !== null,
  maxBytes: policy.maxBodyBytes,
  gateway: policy.gatewayLimits,
  budget: bodies,
});
