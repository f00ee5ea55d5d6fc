import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { HEADER } from '../../../proto/wire.ts';

/** Response headers that belong to the replica's own connection. */
const STOPPED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
  'content-length',
]);

/** The replica's response headers for the client, who knows the session by another id than the replica does. */
export function clientHeaders(headers: IncomingHttpHeaders, clientId: string | null): OutgoingHttpHeaders {
  const passed: OutgoingHttpHeaders = {};
  for (const name in headers) if (!STOPPED.has(name)) passed[name] = headers[name];
  if (clientId !== null && passed[HEADER.sessionId] !== undefined) passed[HEADER.sessionId] = clientId;
  return passed;
}
