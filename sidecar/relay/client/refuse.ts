import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { rpcError, type RpcId } from '../../../proto/rpc-error.ts';

export interface Refusal {
  status: number;
  code: number;
  message: string;
  id?: RpcId;
}

/** What still comes of a refused request is read and dropped for this long; then its connection is cut. */
const LINGER_MS = 5000;

/**
 * An answer of the relay's own, before a request goes anywhere. Its connection is not closed with bytes of the request unread. The kernel
 * would answer those with a reset. Envoy would then lose the answer and tell the client that the replica was lost.
 */
export function refuse(
  response: ServerResponse,
  incoming: IncomingMessage,
  { status, code, message, id = null }: Refusal,
): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    ...(status === 503 && { 'retry-after': '1' }),
    ...(status === 405 && { allow: 'GET, POST, DELETE' }),
  } as OutgoingHttpHeaders);
  response.end(JSON.stringify(rpcError(id, code, message)));
  dropRest(incoming);
}

/** Reads and drops what still comes of a request that has its answer. */
export function dropRest(incoming: IncomingMessage): void {
  if (incoming.complete) return;
  incoming.resume();
  const timer = setTimeout(() => incoming.destroy(), LINGER_MS);
  timer.unref();
  incoming.once('close', () => clearTimeout(timer));
}
