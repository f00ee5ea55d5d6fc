import { afterMs } from '../../../proto/after-ms.ts';
import { HEADER } from '../../../proto/wire.ts';
import type { ReplicaCall } from '../../replica/client.ts';
import { neighbourHeaders } from '../../replica/headers.ts';
import type { ServerView } from '../../xds/topology.ts';
import type { ClientAnswer } from '../client/client-answer.ts';
import type { ClientRequest } from '../client/client-request.ts';
import type { RelayContext } from '../relay-context.ts';
import { AnswerReader } from '../../replica/answer-reader.ts';

/** `passed`: the neighbour answered without a stream. `over`: its stream ended as it should (`isWhole`), failed, or did not begin in time. */
export interface NeighbourEnd {
  passed(status: number): void;
  over(isWhole: boolean): void;
}

/** Passes a GET on to another gateway's relay, and its stream to the client as it comes. Null: there is no neighbour to ask, or this came from one. */
export function openAtNeighbour(
  ctx: RelayContext,
  view: ServerView,
  { incoming, path }: ClientRequest,
  client: ClientAnswer,
  end: NeighbourEnd,
  { address, withinMs }: { address?: string | undefined; withinMs: number } = anyNeighbour(ctx, view),
): ReplicaCall | null {
  if (address === undefined || incoming.headers[HEADER.forwarded] !== undefined) return null;
  const { connectMs } = view.policy.timeouts;
  const write = (bytes: Buffer | string, isLast: boolean): void => {
    if (!client.write(bytes, ctx.now(), isLast)) call.pause();
  };
  const over = (isWhole: boolean): void => {
    stopWaiting();
    end.over(isWhole);
  };
  const call = ctx.upstream.send(
    {
      address,
      method: 'GET',
      path,
      headers: neighbourHeaders(incoming.rawHeaders),
      body: null,
      connectTimeoutMs: connectMs,
    },
    new AnswerReader(
      {
        onSse: (status, headers) => {
          stopWaiting();
          client.openSse(status, headers, ctx.now());
        },
        onEvent: (event) => write(event.raw, true),
        onPiece: write,
        onBytes: () => over(false),
        onWhole: (status, headers, body) => {
          stopWaiting();
          client.whole(status, headers, body);
          end.passed(status);
        },
        onFinished: (isCut) => over(!isCut),
        onFailure: () => over(false),
      },
      client,
    ),
  );
  const stopWaiting = afterMs(withinMs, () => {
    call.abort();
    client.guard(() => end.over(false));
  });
  return call;
}

/** The neighbour may have to rebuild the session first. */
function anyNeighbour(
  ctx: RelayContext,
  { relays, policy }: ServerView,
): { address?: string | undefined; withinMs: number } {
  const { connectMs, recoveryMs, initializeMs } = policy.timeouts;
  const address = relays.find((relay) => relay !== ctx.ownRelay);
  return { address, withinMs: connectMs + recoveryMs + initializeMs };
}
