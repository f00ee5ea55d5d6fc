import { hash } from 'node:crypto';
import { ask, type RpcAnswer } from '../../replica/ask.ts';
import { neighbourHeaders } from '../../replica/headers.ts';
import { HEADER } from '../../../proto/wire.ts';
import type { ServerView } from '../../xds/topology.ts';
import type { ClientAnswer } from '../client/client-answer.ts';
import type { ClientRequest } from '../client/client-request.ts';
import type { RelayContext } from '../relay-context.ts';

/** What a record says of the relay that holds an HTTP+SSE session's stream: records carry no address. */
export const holderName = (address: string): string => hash('sha256', address).slice(0, 16);

/**
 * A message whose session's stream another relay holds goes there: only that one hears the answer, or that it will never come. With the store away
 * the others are asked in turn. `none`: no other relay holds it, or that relay is not there any more, and nothing was delivered. `lost`: nobody knows
 * whether it was.
 */
export async function handOver(
  ctx: RelayContext,
  view: ServerView,
  { server, digest, path, incoming }: ClientRequest,
  client: ClientAnswer,
  body: Buffer,
): Promise<'done' | 'none' | 'lost'> {
  if (digest === null || incoming.headers[HEADER.forwarded] !== undefined) return 'none';
  const found = await ctx.directory.find(server, digest),
    holder = found.kind === 'live' ? found.record.holder : undefined;
  const candidates = view.relays.filter(
    (relay) =>
      relay !== ctx.ownRelay && (found.kind === 'unsure' || (holder !== undefined && holderName(relay) === holder)),
  );
  const { connectMs, recoveryMs, initializeMs } = view.policy.timeouts;
  // The other one may have to rebuild the session first.
  for (const address of candidates) {
    const answer = await ask(
      ctx.upstream,
      {
        address,
        method: 'POST',
        path,
        headers: neighbourHeaders(incoming.rawHeaders),
        body,
        connectTimeoutMs: connectMs,
      },
      connectMs + recoveryMs + initializeMs,
    );
    if (answer.kind === 'failed' && answer.failure.delivery === 'not_sent') continue;
    if (answer.kind !== 'answered') return 'lost';
    if (found.kind === 'unsure' && answer.status === 503 && wasNotSent(answer.rpc)) continue;
    client.whole(answer.status, answer.headers, answer.body);
    return 'done';
  }
  return 'none';
}

const wasNotSent = (rpc: RpcAnswer | null): boolean =>
  (rpc?.error as { data?: { outcome?: unknown } } | undefined)?.data?.outcome === 'not_sent';
