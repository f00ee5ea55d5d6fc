import { askReplica } from '../recovery/ask-replica.ts';
import { upstreamHeaders } from '../recovery/upstream-headers.ts';
import type { ServerView } from '../xds/topology.ts';
import { HEADER } from '../../proto/wire.ts';
import type { ClientAnswer } from './client-answer.ts';
import type { ClientRequest } from './client-request.ts';
import { ExchangeOutcome } from './exchange-outcome.ts';
import { locateAtOnce, locateByRecord } from './locate-session.ts';
import { MESH_ERROR, meshErrors } from './mesh-errors.ts';
import type { RelayContext } from './relay-context.ts';

/** DELETE: the tombstone comes first, so that nobody rebuilds what its client ended, whatever becomes of the replica. */
export async function deleteSession(
  ctx: RelayContext,
  view: ServerView,
  request: ClientRequest,
  client: ClientAnswer,
): Promise<void> {
  const { server, clientId, digest, incoming, shown } = request,
    outcome = new ExchangeOutcome(ctx, request, null);
  const located =
    locateAtOnce(ctx, view, clientId!, digest!, shown) ?? (await locateByRecord(ctx, view, clientId!, digest!, shown));
  if (located.kind === 'unknown') {
    client.errors(
      404,
      meshErrors('sessionNotFound', [], {
        server,
        replica: null,
        attempts: 0,
        outcome: 'not_sent',
        retrySafe: true,
        sessionRecovered: false,
      }),
    );
    return outcome.finish(MESH_ERROR.sessionNotFound.status, false, 'client_fault');
  }
  const known = await ctx.directory.tombstone(server, digest!);
  if (known) ctx.metrics.ended(server, 'deleted');
  const target = located.kind === 'at' ? located.lodging : located.kind === 'move' ? located.stay : null;
  // the record knows better than the id where the session lives
  const replica = known ? view.bySlot(known.slot) : target?.replica,
    upstreamId = known?.upstreamId ?? target?.upstreamId;
  if (!replica || upstreamId === undefined) {
    client.whole(200, {}, Buffer.alloc(0));
    return outcome.finish(200, false, 'success');
  }
  outcome.sent(replica, null);
  const headers = [
    ...upstreamHeaders(incoming.rawHeaders, null, view.policy.hostOverride),
    HEADER.sessionId,
    upstreamId,
  ];
  const answer = await askReplica(
    ctx.upstream,
    {
      address: replica.address,
      method: 'DELETE',
      path: request.path,
      headers,
      body: null,
      connectTimeoutMs: view.policy.timeouts.connectMs,
    },
    view.policy.timeouts.initializeMs,
  );
  // It is ended, also when the replica can't be told or knew nothing of it.
  const isOver = answer.kind !== 'answered' || answer.status === 404 || answer.status >= 500;
  if (isOver) client.whole(200, {}, Buffer.alloc(0));
  else client.whole(answer.status, answer.headers, answer.body);
  outcome.finish(isOver ? 200 : answer.status, false);
}
