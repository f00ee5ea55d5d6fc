import { readRpcBody } from '../../../proto/json-rpc.ts';
import type { ServerView } from '../../xds/topology.ts';
import { locateSession } from '../call/locate-session.ts';
import { RequestOutcome } from '../call/request-outcome.ts';
import type { ClientAnswer } from '../client/client-answer.ts';
import type { ClientRequest, PostBody } from '../client/client-request.ts';
import { MESH_ERROR, meshErrors, outcomeOfError, type ErrorFacts } from '../client/mesh-errors.ts';
import { holderName } from '../http-sse/hand-over.ts';
import type { RelayContext } from '../relay-context.ts';
import { idOf } from '../stream/polled-calls.ts';
import { openAtNeighbour } from '../stream/open-at-neighbour.ts';
import type { PrimedCall } from './event-id.ts';
import type { Resumable } from './primed-calls.ts';

/**
 * A relay that holds a call says so at once; one that does not is frozen, or gone. To take a busy one for gone costs a call that is safe to repeat
 * some work, and any other its answer. An edge that asked another gateway first has waited already: that one is mute, and most likely the holder.
 */
const HOLDER_MS = { repeatable: 150, other: 500, afterMute: 300 };

/**
 * A client comes back to a call whose stream was cut, with the id that the mesh gave. The relay that held the call
 * continues it, or gives its answer. When that relay is gone, or has forgotten the call, a call that is safe to repeat
 * begins `again`. The client of any other hears so at once.
 */
export async function resumeCall(
  ctx: RelayContext,
  view: ServerView,
  request: ClientRequest,
  client: ClientAnswer,
  primed: PrimedCall,
  again: (request: ClientRequest, body: PostBody) => unknown,
): Promise<void> {
  const { clientId, digest, server, shown } = request;
  const outcome = new RequestOutcome(ctx, request, null);
  if (clientId === null || digest === null) throw new Error('a resumption without a session was let through');
  const located = await locateSession(ctx, view, clientId, digest, shown);
  if (client.isOver) return outcome.finish(0, false, 'cancelled');
  const facts = { server, replica: primed.slot, attempts: 1, sessionRecovered: false } as const;
  if (located.kind === 'unknown') {
    const { status } = MESH_ERROR.sessionNotFound;
    client.errors(status, meshErrors('sessionNotFound', [], { ...facts, outcome: 'not_sent', retrySafe: true }));
    return outcome.finish(status, false, 'client_fault');
  }
  const known = ctx.primed.of(digest, primed.idText);
  if (known && located.kind === 'unsure') {
    // Nobody can say whose session it is, so nobody gets its answer.
    const { status } = MESH_ERROR.sessionUnsure;
    client.errors(status, meshErrors('sessionUnsure', [], { ...facts, outcome: 'not_sent', retrySafe: true }));
    return outcome.finish(status, true, outcomeOfError('sessionUnsure'));
  }
  if (known && mayResume(ctx, view, request, known) && known.resume(client)) {
    ctx.metrics.resumed(server, 'answer');
    return outcome.finish(200, false, 'success');
  }
  let isLost = false;
  const lost = (): void => {
    if (client.isOver || isLost) return;
    isLost = true;
    if (client.isFresh) client.openSse(200, {}, ctx.now());
    if (primed.body !== null && !client.isMidEvent) {
      ctx.metrics.resumed(server, 'repeated');
      outcome.finish(200, false, 'success');
      const bytes = Buffer.from(primed.body);
      return client.guard(() => again(asPost(request), { bytes, rpc: readRpcBody(bytes) }));
    }
    ctx.metrics.resumed(server, 'lost');
    const told: ErrorFacts = { ...facts, outcome: 'sent_no_response', retrySafe: primed.isSafe };
    client.errors(200, meshErrors('gatewayLost', [idOf(primed.idText)], told));
    outcome.finish(200, false, outcomeOfError('gatewayLost'));
  };
  const address = view.relays.find((relay) => relay !== ctx.ownRelay && holderName(relay) === primed.relay);
  const passed = (): void => outcome.finish(client.status, false, 'success');
  const over = (isWhole: boolean): void => {
    if (!isWhole) return lost();
    client.end();
    passed();
  };
  const end = { passed, over };
  const isSecond = request.mayHaveRun;
  const withinMs = HOLDER_MS[primed.body !== null ? 'repeatable' : isSecond ? 'afterMute' : 'other'];
  const call = address ? openAtNeighbour(ctx, view, request, client, end, { address, withinMs }) : null;
  if (call) client.onGone(() => call.abort());
  else lost();
}

/**
 * No replica looks at the credentials of a client that comes back. So they must be those of the call, or those that the
 * session's replica accepted since. Who has read a session's id and an event id somewhere has no token.
 */
function mayResume(ctx: RelayContext, { policy }: ServerView, request: ClientRequest, call: Resumable): boolean {
  const headers = request.incoming.rawHeaders;
  if (ctx.identities.credentialsOf(headers, policy) === call.credentials) return true;
  const record = request.digest === null ? null : ctx.directory.peek(policy.name, request.digest);
  return record?.credentials != null && ctx.identities.mayRebuild(record, headers, policy);
}

/** Headers of the GET that say what it is. */
const OF_GET = new Set(['accept', 'last-event-id']);
const OF_POST = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };

/** The call as its client would send it again now. */
function asPost(request: ClientRequest): ClientRequest {
  const { headers, rawHeaders } = request.incoming;
  const kept = rawHeaders.filter((_, at) => !OF_GET.has(rawHeaders[at - (at % 2)]?.toLowerCase() ?? ''));
  const incoming = Object.create(request.incoming, {
    method: { value: 'POST' },
    headers: { value: { ...headers, ...OF_POST } },
    rawHeaders: { value: [...kept, ...Object.entries(OF_POST).flat()] },
  }) as ClientRequest['incoming'];
  return { ...request, incoming, mayHaveRun: true };
}
