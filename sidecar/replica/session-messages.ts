import { detach } from '../../proto/detach.ts';
import type { RpcMessage } from '../../proto/json-rpc.ts';
import type { Json } from '../../proto/parse-json.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import { HEADER } from '../../proto/wire.ts';
import { ask, type Answered, type ReplicaAnswer } from './ask.ts';
import type { ReplicaClient, ReplicaRequest } from './client.ts';
import { ownMessageHeaders } from './headers.ts';

type Client = Pick<ReplicaClient, 'send'>;

/** A JSON-RPC message of the mesh's own. */
export interface RpcRequest {
  jsonrpc: '2.0';
  id?: string;
  method: string;
  params?: unknown;
}

/** Where the mesh itself speaks, and in whose name. */
export interface UpstreamSession {
  address: string;
  /** With the live request's query, which is never stored. */
  path: string;
  /** What `upstreamHeaders` made of the live request; never stored. */
  headers: readonly string[];
  /** Null: it is of no session. */
  upstreamId: string | null;
  /** Undefined: the live request's own. Null: none is sent. */
  protocolVersion: string | null | undefined;
  connectTimeoutMs: number;
}

/** The session that a request is on, for what the mesh itself has to say there. */
export const upstreamSession = (
  { path, timeouts }: Pick<ServerPolicy, 'path' | 'timeouts'>,
  at: {
    replica: { address: string };
    upstreamId: string | null;
    record: Pick<SessionRecord, 'protocolVersion'> | null;
  },
  headers: readonly string[],
): UpstreamSession => ({
  address: at.replica.address,
  path,
  headers,
  upstreamId: at.upstreamId,
  protocolVersion: at.record?.protocolVersion,
  connectTimeoutMs: timeouts.connectMs,
});

/** Sends a message of the mesh's own. `further`: headers that only this message has. `onLate`: as `ask` takes it. */
export const sendMessage = (
  client: Client,
  session: UpstreamSession,
  message: RpcRequest | Buffer,
  timeoutMs: number,
  { further = [], onLate = null }: { further?: readonly string[]; onLate?: ((answer: Answered) => void) | null } = {},
): Promise<ReplicaAnswer> => {
  const body = Buffer.isBuffer(message) ? message : Buffer.from(JSON.stringify(message));
  return ask(client, requestOf(session, 'POST', body, further), timeoutMs, onLate);
};

/** Never with the client's own version header: an unsupported one would be refused, whatever the session. */
export const ping = (client: Client, session: UpstreamSession, timeoutMs: number): Promise<ReplicaAnswer> => {
  const { protocolVersion = null } = session;
  const message: RpcRequest = { jsonrpc: '2.0', id: 'holdfast-ping', method: 'ping' };
  return sendMessage(client, { ...session, protocolVersion }, message, timeoutMs);
};

/** One page of the tools. `meta`: `_meta` of a request of 2026-07-28 and later. */
export const listTools = (
  client: Client,
  session: UpstreamSession,
  { cursor, meta }: { cursor?: string | undefined; meta?: Json | undefined },
  timeoutMs: number,
): Promise<ReplicaAnswer> => {
  const params = { ...(cursor !== undefined && { cursor }), ...(meta !== undefined && { _meta: meta }) };
  const message: RpcRequest = { jsonrpc: '2.0', id: 'holdfast-tools', method: 'tools/list', params };
  const further = meta === undefined ? [] : [HEADER.method, message.method];
  return sendMessage(client, session, message, timeoutMs, { further });
};

/** Says that nobody waits for a call any more: its deadline is over. */
export const cancelledMessage = ({ idText }: Pick<RpcMessage, 'idText'>): Buffer =>
  Buffer.from(
    `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${idText},"reason":"deadline"}}`,
  );

/** Tells a replica that nobody waits for these calls any more. Best effort: a replica that hangs won't hear it. */
export function cancelCalls(client: Client, session: UpstreamSession, calls: readonly RpcMessage[]): void {
  for (const call of calls)
    detach(sendMessage(client, session, cancelledMessage(call), session.connectTimeoutMs), () => undefined);
}

/** Time for a replica to take a DELETE that nobody waits for. */
const DELETE_MS = 2000;

/** Ends a session that nobody uses any more. Nothing depends on its success: replicas expire sessions too. */
export function abandonSession(client: Client, session: UpstreamSession): void {
  detach(endSession(client, session, DELETE_MS), () => undefined);
}

/** DELETE. */
const endSession = (client: Client, session: UpstreamSession, timeoutMs: number): Promise<ReplicaAnswer> =>
  ask(client, requestOf(session, 'DELETE', null, []), timeoutMs);

const requestOf = (
  { address, path, headers, upstreamId, protocolVersion, connectTimeoutMs }: UpstreamSession,
  method: ReplicaRequest['method'],
  body: Buffer | null,
  further: readonly string[],
): ReplicaRequest => ({
  address,
  method,
  path,
  headers: [...ownMessageHeaders(headers, upstreamId, protocolVersion), ...further],
  body,
  connectTimeoutMs,
});
