import { detach } from '../../proto/detach.ts';
import { parseJsonObject } from '../../proto/parse-json.ts';
import { messagesOf, readRpcBody, type RpcBody } from '../../proto/json-rpc.ts';
import type { DeliveryOutcome } from '../../proto/rpc-error.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import { HEADER } from '../../proto/wire.ts';
import { parseSessionId } from '../../proto/session-id.ts';
import { askReplica } from '../recovery/ask-replica.ts';
import { upstreamHeaders } from '../recovery/upstream-headers.ts';
import type { ServerView } from '../xds/topology.ts';
import type { ClientAnswer } from './client-answer.ts';
import type { ClientRequest } from './client-request.ts';
import { ExchangeOutcome } from './exchange-outcome.ts';
import { changeOf } from './learn-from-answer.ts';
import { MESH_ERROR, meshErrors, outcomeOfError, requestIds, type MeshError } from './mesh-errors.ts';
import type { RelayContext } from './relay-context.ts';
import { endpointOf } from './sse-endpoint.ts';
import { handOver } from './sse-handover.ts';

/** How often another relay's session is looked at, while that relay rebuilds it. */
const FOLLOW_MS = 100;

/** `unsure`: the store can't be asked. `lost`: its replica is gone, and nobody has rebuilt it yet. */
type Unplaced = 'unknown' | 'unsure' | 'lost';
interface Place {
  replica: ReplicaEndpoint;
  endpoint: string;
}

/** A message of an HTTP+SSE session: goes to where the session's stream is; the answer comes there. */
export async function postToSse(
  ctx: RelayContext,
  view: ServerView,
  request: ClientRequest,
  client: ClientAnswer,
  body: Buffer,
): Promise<void> {
  const { server, digest, incoming } = request,
    rpc = readRpcBody(body),
    outcome = new ExchangeOutcome(ctx, request, rpc);
  const fail = (
    kind: MeshError,
    delivery: DeliveryOutcome = 'not_sent',
    extra: Record<string, string | number> = {},
  ): void => {
    client.errors(
      MESH_ERROR[kind].status,
      meshErrors(kind, requestIds(rpc), {
        server,
        replica: null,
        attempts: 1,
        outcome: delivery,
        retrySafe: delivery === 'not_sent',
        sessionRecovered: false,
      }),
      rpc.kind === 'batch',
      extra,
    );
    outcome.finish(MESH_ERROR[kind].status, false, outcomeOfError(kind));
  };
  const deadlineMs = ctx.now() + view.policy.timeouts.recoveryMs,
    headers = upstreamHeaders(incoming.rawHeaders, null, view.policy.hostOverride),
    holder = ctx.sse.of(digest!);
  // Nothing is written down and nobody else hears of it before it is known whose session this is.
  const first = await locate(ctx, request, false);
  if (first === 'unknown') return fail('sessionNotFound');
  if (first === 'unsure' && holder) return fail('recoveryFailed');
  if (!holder) {
    const handed = await handOver(ctx, view, request, client, body);
    if (handed === 'done') return outcome.leaveToNeighbour(); // the other relay reports it
    if (handed === 'lost') return fail('replicaLost', 'sent_no_response');
  }
  await noteInitialize(ctx, request, rpc, body);
  for (const message of messagesOf(rpc)) {
    ctx.serverRequests.sentByClient(digest, message);
    holder?.posted(message, body, outcome);
  }
  const withdraw = (): void => {
    for (const message of messagesOf(rpc)) holder?.withdrawn(message);
  };
  for (let place: Place | Unplaced = first; ; place = await locate(ctx, request, true)) {
    if (place === 'unknown') {
      withdraw();
      return fail('sessionNotFound');
    }
    if (typeof place === 'object') {
      const gate = ctx.breakers.gate(server, place.replica.slot, outcome.tool, ctx.now());
      if (gate.kind === 'reject') {
        withdraw();
        return fail('breakerOpen', 'not_sent', { 'retry-after': Math.max(1, Math.ceil(gate.retryAfterMs / 1000)) });
      }
      outcome.sent(place.replica, gate.permit);
      const answer = await askReplica(
        ctx.upstream,
        {
          address: place.replica.address,
          method: 'POST',
          path: place.endpoint,
          headers,
          body,
          connectTimeoutMs: view.policy.timeouts.connectMs,
        },
        view.policy.timeouts.initializeMs,
      );
      const isTaken = answer.kind === 'timeout' || (answer.kind === 'failed' && answer.failure.delivery !== 'not_sent');
      const taken = (): void => {
        for (const message of messagesOf(rpc)) holder?.taken(message, place.replica.slot);
      };
      if (isTaken && holder) {
        taken();
        return client.accepted();
      } // the holder of its stream says what became of it
      if (isTaken) return fail('replicaLost', 'sent_no_response');
      if (answer.kind === 'answered' && answer.status !== 404) {
        if (answer.status >= 300) withdraw();
        else taken();
        if (!holder && answer.status < 300) noteChanges(ctx, request, rpc);
        client.whole(answer.status, answer.headers, answer.body);
        if (!holder || answer.status >= 300)
          outcome.finish(answer.status, false, answer.status < 300 ? 'unread' : undefined);
        return undefined;
      }
    }
    // Asked by another relay, which doesn't know the session either: it asks the next one.
    if (typeof place !== 'object' && !holder && incoming.headers[HEADER.forwarded] !== undefined)
      return fail('recoveryFailed');
    // provably not delivered: it goes to the session's next life, which only the holder of its stream can begin
    if (ctx.now() >= deadlineMs) {
      withdraw();
      return fail(typeof place === 'object' ? 'noReplica' : 'recoveryFailed');
    }
    if (holder?.rebuilding) await holder.rebuilding;
    else await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS));
    if (client.isOver) return undefined;
  }
}

async function locate(
  ctx: RelayContext,
  { server, clientId, digest, shown }: ClientRequest,
  isFresh: boolean,
): Promise<Place | Unplaced> {
  const id = parseSessionId(clientId!),
    view = ctx.server(server),
    found = await ctx.directory.find(server, digest!, { isFresh });
  if (!id || !view || found.kind === 'ended') return 'unknown';
  // The id names a path on the replica, and a client could have made it up: only a record says that the server gave it out.
  if (found.kind !== 'live') return found.kind;
  const { record } = found;
  if (!ctx.identities.owns(record, shown, view.policy)) return 'unknown';
  const replica = view.bySlot(record.slot),
    endpoint = endpointOf(record.upstreamId);
  return endpoint === null ? 'unknown' : replica && replica.state !== 'lost' ? { replica, endpoint } : 'lost';
}

/** The answers come on a stream that another relay holds; that the replica took the request must do to keep level and subscriptions. */
function noteChanges(ctx: RelayContext, { server, digest }: ClientRequest, rpc: RpcBody): void {
  for (const message of messagesOf(rpc)) {
    const change = changeOf(message);
    if (change) detach(ctx.directory.amend(server, digest!, change), (error) => ctx.internalError('relay', error));
  }
}

/** The params of initialize are kept as they come by: whoever holds the stream needs them to rebuild the session. */
async function noteInitialize(
  ctx: RelayContext,
  { server, digest }: ClientRequest,
  rpc: RpcBody,
  body: Buffer,
): Promise<void> {
  if (rpc.kind !== 'single' || rpc.message.method !== 'initialize') return;
  const params = parseJsonObject(body)?.['params'];
  await ctx.directory.amend(server, digest!, (record) => ({ ...record, initializeParams: params ?? {} }));
}
