import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { HOP_BY_HOP } from '../../../proto/http/hop-by-hop.ts';
import { HEADER } from '../../../proto/wire.ts';

/** Response headers that belong to the replica's own connection. */
const STOPPED: ReadonlySet<string> = new Set(HOP_BY_HOP);

/** The replica's response headers for the client, who knows the session by another id than the replica does. */
export function clientHeaders(headers: IncomingHttpHeaders, clientId: string | null): OutgoingHttpHeaders {
  const passed: OutgoingHttpHeaders = {};
  for (const name in headers) if (!STOPPED.has(name)) passed[name] = headers[name];
  if (clientId !== null && passed[HEADER.sessionId] !== undefined) passed[HEADER.sessionId] = clientId;
  return passed;
}
