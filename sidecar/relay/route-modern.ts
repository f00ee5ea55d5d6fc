import { eraOfRequest } from '../../proto/era.ts';
import { HEADER } from '../../proto/wire.ts';
import { PostCall } from './call/post-call.ts';
import { runPost } from './call/run-post.ts';
import { HolderTargets } from './call/targets/holder.ts';
import type { ClientAnswer } from './client/client-answer.ts';
import type { ClientRequest, PostBody } from './client/client-request.ts';
import type { RelayContext } from './relay-context.ts';
import type { ServerView } from '../xds/topology.ts';
import { discover } from './listen/discover.ts';
import { ListenStream } from './listen/listen-stream.ts';

/**
 * Takes a POST without a session if it is one of 2026-07-28 or later. The claim in its body says so. Without a claim its header does; such
 * a request is faulty, and the replica refuses it. The body alone decides what is done with it. Null: it is of an earlier era.
 */
export function runModern(
  ctx: RelayContext,
  view: ServerView,
  request: ClientRequest,
  client: ClientAnswer,
  body: PostBody,
): Promise<void> | null {
  const { rpc } = body;
  if (rpc.kind !== 'single' || rpc.message.kind !== 'request') return null;
  const { method, claimedVersion } = rpc.message,
    version = request.incoming.headers[HEADER.protocolVersion];
  const protocolVersion = typeof version === 'string' ? version : null;
  if (eraOfRequest({ method, claimedVersion, protocolVersion }) === 'legacy') return null;
  const runHolder = (): Promise<void> => {
    const call = new PostCall(ctx, view, request, client, body);
    return runPost(call, new HolderTargets(call));
  };
  switch (method) {
    case 'subscriptions/listen':
      new ListenStream(ctx, view, request, client, body).run();
      return Promise.resolve();
    case 'server/discover':
      return discover(ctx, view, request, client, body).then((isAnswered) =>
        isAnswered || client.isOver ? undefined : runHolder(),
      );
    default:
      return runHolder();
  }
}
