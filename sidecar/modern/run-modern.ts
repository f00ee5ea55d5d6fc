import { readRpcBody } from '../../proto/json-rpc.ts';
import { HEADER } from '../../proto/wire.ts';
import { isModernRevision } from '../routing/classify.ts';
import type { ClientAnswer } from '../relay/client-answer.ts';
import type { ClientRequest } from '../relay/client-request.ts';
import type { RelayContext } from '../relay/relay-context.ts';
import type { ServerView } from '../xds/topology.ts';
import { discover } from './discover-exchange.ts';
import { ListenStream } from './listen-stream.ts';
import { ModernExchange } from './modern-exchange.ts';

/**
 * Takes a POST without a session if it is one of 2026-07-28 or later: by the claim in its body, or, without one, by its header (then it is faulty, and the
 * replica says so). The body alone decides what is done with it. False: it is of an earlier era.
 */
export function runModern(
  ctx: RelayContext,
  view: ServerView,
  request: ClientRequest,
  client: ClientAnswer,
  body: Buffer,
): boolean {
  const rpc = readRpcBody(body);
  if (rpc.kind !== 'single' || rpc.message.kind !== 'request') return false;
  const { method, claimedVersion } = rpc.message,
    version = request.incoming.headers[HEADER.protocolVersion];
  if (
    claimedVersion === null &&
    (method === 'initialize' || !isModernRevision(typeof version === 'string' ? version : null))
  )
    return false;
  const exchange = (): void => new ModernExchange(ctx, view, request, client, body).run();
  if (method === 'subscriptions/listen') new ListenStream(ctx, view, request, client, body).run();
  else if (method === 'server/discover')
    client.guard(async () => {
      const isAnswered = await discover(ctx, view, request, client, body);
      if (!isAnswered && !client.isOver) exchange();
    });
  else exchange();
  return true;
}
