import { detach } from '../../../proto/detach.ts';
import { messagesOf, type RpcBody } from '../../../proto/json-rpc.ts';
import { parseJsonObject } from '../../../proto/parse-json.ts';
import { parseSessionId } from '../../../proto/session-id.ts';
import type { ClientRequest } from '../client/client-request.ts';
import { changeOf } from '../call/learn-from-answer.ts';
import type { RelayContext } from '../relay-context.ts';
import { endpointOf } from './endpoint.ts';
import type { Target } from '../call/target.ts';

type Context = Pick<RelayContext, 'directory' | 'identities' | 'internalError' | 'server'>;

/** Where the messages of an HTTP+SSE session go: a replica, and the path that it named. */
export interface HttpSseLocation {
  target: Target;
  endpoint: string;
}
/** `unsure`: Redis can't be asked. `lost`: its replica is gone, and nobody has rebuilt it yet. */
export type Unlocated = 'unknown' | 'unsure' | 'lost';

/** Where an HTTP+SSE session is now. `isFresh`: what this process has cached of it is not enough. */
export async function locateHttpSse(
  ctx: Context,
  { server, clientId, digest, shown }: ClientRequest,
  isFresh: boolean,
): Promise<HttpSseLocation | Unlocated> {
  const id = clientId === null ? null : parseSessionId(clientId);
  const view = ctx.server(server);
  if (!id || !view || digest === null) return 'unknown';
  const found = await ctx.directory.find(server, digest, { isFresh });
  if (found.kind === 'ended') return 'unknown';
  // The id names a path on the replica, and a client could have made it up. Only a record says that the server gave it out.
  if (found.kind !== 'live') return found.kind;
  const { record } = found;
  const endpoint = endpointOf(record.upstreamId);
  if (endpoint === null || !ctx.identities.owns(record, shown, view.policy)) return 'unknown';
  const replica = view.bySlot(record.slot);
  if (!replica || replica.state === 'lost') return 'lost';
  return { target: { replica, upstreamId: null, record }, endpoint };
}

/** The answers come on a stream that another relay holds; that the replica took the request must do to keep level and subscriptions. */
export function noteChanges(ctx: Context, { server, digest }: ClientRequest, rpc: RpcBody): void {
  if (digest === null) return;
  for (const message of messagesOf(rpc)) {
    const change = changeOf(message);
    if (change) detach(ctx.directory.amend(server, digest, change), (error) => ctx.internalError('relay', error));
  }
}

/** The params of initialize are kept as they come by: whoever holds the stream needs them to rebuild the session. */
export async function noteInitialize(
  ctx: Context,
  { server, digest }: ClientRequest,
  rpc: RpcBody,
  body: Buffer,
): Promise<void> {
  if (digest === null || rpc.kind !== 'single' || rpc.message.method !== 'initialize') return;
  const params = parseJsonObject(body)?.['params'];
  await ctx.directory.amend(server, digest, (record) => ({ ...record, initializeParams: params ?? {} }));
}

/** What the first replica promised in its answer to initialize: another one must promise it too. */
export async function notePromised(
  ctx: Context,
  { server }: ClientRequest,
  digest: string,
  data: Buffer,
): Promise<void> {
  const { protocolVersion, capabilities } = (parseJsonObject(data)?.['result'] ?? {}) as Record<string, unknown>;
  if (typeof protocolVersion !== 'string' || capabilities === null || typeof capabilities !== 'object') return;
  const promised = { protocolVersion, capabilities: capabilities as Record<string, unknown> };
  await ctx.directory.amend(server, digest, (record) => ({ ...record, ...promised }));
}
