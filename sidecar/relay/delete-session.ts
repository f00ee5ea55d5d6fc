import { ask, type ReplicaAnswer } from '../replica/ask.ts';
import { refusalOfStranger } from '../recovery/refusal-of-stranger.ts';
import { upstreamHeaders } from '../replica/headers.ts';
import type { ServerView } from '../xds/topology.ts';
import { HEADER } from '../../proto/wire.ts';
import type { ClientAnswer } from './client-answer.ts';
import type { ClientRequest } from './client-request.ts';
import { ExchangeOutcome } from './exchange-outcome.ts';
import { locateAtOnce, locateByRecord, type Lodging } from './locate-session.ts';
import { MESH_ERROR, meshErrors, outcomeOfError, type MeshError } from './mesh-errors.ts';
import type { RelayContext } from './relay-context.ts';

/**
 * DELETE: the replica is asked first, because only it can tell who may end a session; what it refuses changes nothing. Where it has lost the session,
 * or can't say, a request may end the session that may also rebuild it.
 */
export async function deleteSession(
  ctx: RelayContext,
  view: ServerView,
  request: ClientRequest,
  client: ClientAnswer,
): Promise<void> {
  const { server, clientId, digest, incoming, shown } = request,
    outcome = new ExchangeOutcome(ctx, request, null);
  if (clientId === null || digest === null) throw new Error('a DELETE without a session id was let through');
  const fail = (kind: MeshError, attempts = 0): void => {
    const { status } = MESH_ERROR[kind],
      facts = { server, replica: null, attempts, retrySafe: true, sessionRecovered: false } as const;
    client.errors(
      status,
      meshErrors(kind, [], { ...facts, outcome: attempts === 0 ? 'not_sent' : 'sent_no_response' }),
    );
    outcome.finish(status, false, kind === 'sessionNotFound' ? 'client_fault' : outcomeOfError(kind));
  };
  const located =
    locateAtOnce(ctx, view, clientId, digest, shown) ?? (await locateByRecord(ctx, view, clientId, digest, shown));
  if (located.kind === 'unknown') return fail('sessionNotFound');
  if (located.kind === 'unsure') return fail('recoveryFailed');
  const lodging = located.kind === 'at' ? located.lodging : located.stay,
    record = located.kind === 'at' ? located.lodging.record : located.record;
  if (lodging) outcome.sent(lodging.replica, null);
  const answer = lodging && (await tellReplica(ctx, view, request, lodging));

  if (answer?.kind === 'answered' && answer.status !== 404 && answer.status < 500) {
    if (isSuccess(answer)) await end(ctx, view, request, digest, lodging);
    client.whole(answer.status, answer.headers, answer.body);
    return outcome.finish(answer.status, false);
  }
  const isUnknown = answer?.kind === 'answered' && answer.status === 404;
  if (!record) return fail(isUnknown ? 'sessionNotFound' : 'noReplica', 1);
  const asks = { record, headers: incoming.rawHeaders },
    mayEnd = ctx.identities.mayRebuild(record, asks.headers, view.policy),
    refusal = mayEnd ? null : await refusalOfStranger(ctx, asks, view.policy),
    attempts = lodging ? 1 : 0;
  if (refusal !== null) return fail(refusal === 'unsure' ? 'recoveryFailed' : 'sessionNotFound', attempts);
  await end(ctx, view, request, digest, lodging);
  client.whole(200, {}, Buffer.alloc(0));
  outcome.finish(200, false);
}

const isSuccess = ({ status }: { status: number }): boolean => status >= 200 && status < 300;

/** Ends it in the mesh. A replica to which another request has moved it meanwhile hears of its end, too. */
async function end(
  ctx: RelayContext,
  view: ServerView,
  request: ClientRequest,
  digest: string,
  told: Lodging | null,
): Promise<void> {
  const known = await ctx.directory.tombstone(request.server, digest);
  if (!known || known.isTombstone) return;
  ctx.metrics.ended(request.server, 'deleted');
  const replica = view.bySlot(known.slot);
  if (!replica || replica.state === 'lost') return;
  if (told?.replica.slot === known.slot && told.upstreamId === known.upstreamId) return;
  await tellReplica(ctx, view, request, { replica, upstreamId: known.upstreamId });
}

function tellReplica(
  ctx: RelayContext,
  { policy }: ServerView,
  { incoming, path }: ClientRequest,
  { replica, upstreamId }: Pick<Lodging, 'replica' | 'upstreamId'>,
): Promise<ReplicaAnswer> {
  return ask(
    ctx.upstream,
    {
      address: replica.address,
      method: 'DELETE',
      path,
      headers: [...upstreamHeaders(incoming.rawHeaders, null, policy.hostOverride), HEADER.sessionId, upstreamId],
      body: null,
      connectTimeoutMs: policy.timeouts.connectMs,
    },
    policy.timeouts.initializeMs,
  );
}
