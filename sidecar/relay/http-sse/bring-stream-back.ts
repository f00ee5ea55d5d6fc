import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionRecord } from '../../../proto/session-record.ts';
import type { Recovered } from '../../recovery/recovery-request.ts';
import type { RefusalReason } from '../../recovery/refusal-reason.ts';
import { resultLabel } from '../../recovery/result-label.ts';
import type { ServerView } from '../../xds/topology.ts';
import { bringBack } from '../call/bring-back.ts';
import type { ClientAnswer } from '../client/client-answer.ts';
import type { ClientRequest } from '../client/client-request.ts';
import { liveQuery, withQuery } from '../client/live-query.ts';
import type { RelayContext } from '../relay-context.ts';
import { BackOff } from '../stream/back-off.ts';
import { StreamAdmission } from '../stream/stream-admission.ts';
import { endpointId } from './endpoint.ts';
import { HttpSseRebuilder } from './rebuild-http-sse.ts';
import type { ReplicaStream, ReplicaStreamListener } from './replica-stream.ts';

/** What no later attempt would change. */
const FOR_GOOD: ReadonlySet<RefusalReason> = new Set(['unknown', 'foreign', 'capability', 'unauthorized', 'policy']);

/** The session whose stream ended, and who waits for it. */
export interface LostStream {
  dead: ReplicaStream;
  digest: string;
  reason: 'unreachable' | 'hanging';
  /** Of the client's GET. */
  request: ClientRequest;
  headers: readonly string[];
  client: ClientAnswer;
  listener: ReplicaStreamListener;
  /** Hears of each attempt that was refused: calls that died with the stream need not wait for the next one. */
  refused: () => void;
}

/**
 * Rebuilds an HTTP+SSE session on a stream of another replica. What may pass is met with growing pauses, within the retry budget; without a replica
 * for as long as the client stays. Null: the session can't be rebuilt, or its client has gone.
 */
export async function bringStreamBack(
  ctx: RelayContext,
  view: ServerView,
  lost: LostStream,
): Promise<{ stream: ReplicaStream; record: SessionRecord } | null> {
  const backOff = new BackOff(),
    admission = new StreamAdmission(ctx, view),
    { client, request } = lost;
  for (;;) {
    const release = await admission.enter();
    const rebuilder = rebuilderOf(ctx, view, lost);
    const recovered = release ? await attempt(ctx, lost, rebuilder).finally(release) : NO_ROOM;
    const stream = rebuilder.streamOf(recovered);
    if (client.isOver) {
      stream?.close();
      return null;
    }
    if (recovered.kind === 'recovered' && stream) return { stream, record: recovered.record };
    const reason = recovered.kind === 'refused' ? recovered.reason : 'unknown';
    lost.refused();
    if (FOR_GOOD.has(reason) || (reason !== 'no-replica' && !backOff.mayAsk())) {
      const result = resultLabel(recovered);
      ctx.metrics.lost(request.server, result === 'recovered' || result === 'followed' ? 'failed' : result);
      return null;
    }
    await sleep(backOff.pauseMs(), undefined, { ref: false });
    if (client.isOver) return null;
  }
}

/** There was no place in the retry budget. */
const NO_ROOM: Recovered = { kind: 'refused', reason: 'timeout' };

function rebuilderOf(ctx: RelayContext, view: ServerView, lost: LostStream): HttpSseRebuilder {
  const latest = ctx.server(view.name);
  const seen = latest ? withQuery(latest, liveQuery(lost.request.path)) : view;
  return new HttpSseRebuilder(ctx, seen, lost.headers, lost.listener, lost.client);
}

function attempt(ctx: RelayContext, lost: LostStream, rebuilder: HttpSseRebuilder): Promise<Recovered> {
  const { dead, digest, headers, reason, request } = lost;
  if (dead.endpoint === null) throw new Error('a stream that named no endpoint has no session');
  const target = { replica: dead.replica, upstreamId: endpointId(dead.endpoint), record: null };
  const query = liveQuery(request.path);
  return bringBack(ctx, {
    ...{ server: request.server, digest, target, reason, headers, query, rebuilder },
    urgency: 'triggered',
  });
}
