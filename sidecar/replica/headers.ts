import { HOP_BY_HOP } from '../../proto/http/hop-by-hop.ts';
import { HEADER } from '../../proto/wire.ts';

/** Headers of a request that belong to the connection it came on. */
const OF_CONNECTION: readonly string[] = [...HOP_BY_HOP, 'expect', 'http2-settings'];

/**
 * Headers of a client's request that go no further: hop-by-hop ones, those the relay sets itself, Envoy's notes to the relay, and
 * accept-encoding. A compressed answer could not be read, and so not be repaired.
 */
const STOPPED: ReadonlySet<string> = new Set([
  ...OF_CONNECTION,
  'accept-encoding',
  HEADER.sessionId,
  HEADER.attemptCount,
  HEADER.edgeSent,
  HEADER.retryOn,
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-original-path',
  'x-envoy-internal',
]);

/** Visits a flat list: name, value, name, value. */
function eachHeader(list: readonly string[], visit: (name: string, value: string) => void): void {
  for (let at = 0; at < list.length; at += 2) {
    const name = list[at];
    const value = list[at + 1];
    if (name !== undefined && value !== undefined) visit(name, value);
  }
}

/**
 * Headers for the replica from the client's (flat list as Node gives it). `host`: the operator's override, else the client's own goes on, because
 * servers check it. `sessionId` is the replica's own id.
 */
export function upstreamHeaders(raw: readonly string[], sessionId: string | null, host: string | null): string[] {
  const headers: string[] = [];
  eachHeader(raw, (given, value) => {
    const name = given.toLowerCase();
    const isStopped = STOPPED.has(name) || name.startsWith('x-holdfast-') || (host !== null && name === 'host');
    if (!isStopped) headers.push(name, value);
  });
  if (host !== null) headers.push('host', host);
  if (sessionId !== null) headers.push(HEADER.sessionId, sessionId);
  return headers;
}

/** What does not go to another gateway's relay; all that Envoy said of the request does. */
const STOPPED_AT_NEIGHBOUR: ReadonlySet<string> = new Set([...OF_CONNECTION, HEADER.forwarded]);

/** Headers for a neighbour's relay, which never sends such a request to a third. */
export function neighbourHeaders(raw: readonly string[]): string[] {
  const headers: string[] = [];
  eachHeader(raw, (given, value) => {
    const name = given.toLowerCase();
    if (!STOPPED_AT_NEIGHBOUR.has(name)) headers.push(name, value);
  });
  headers.push(HEADER.forwarded, '1');
  return headers;
}

/** Headers that say what a message of the relay's own is; the rest of the client's (Authorization, Host, Origin, keys) goes along. */
const OWN = new Set([
  'accept',
  'content-type',
  'content-encoding',
  'last-event-id',
  HEADER.sessionId,
  HEADER.method,
  HEADER.name,
]);

/**
 * Headers for a message that the relay itself sends on a session. `base` is what `upstreamHeaders` made of the live request; never stored.
 * `protocolVersion`: undefined keeps the client's header, null sends none (initialize).
 */
export function ownMessageHeaders(
  base: readonly string[],
  sessionId: string | null,
  protocolVersion: string | null | undefined,
): string[] {
  const headers: string[] = [];
  eachHeader(base, (name, value) => {
    const isOwn = OWN.has(name) || name.startsWith('mcp-param-');
    if (!isOwn && (name !== HEADER.protocolVersion || protocolVersion === undefined)) headers.push(name, value);
  });
  headers.push('accept', 'application/json, text/event-stream', 'content-type', 'application/json');
  if (protocolVersion) headers.push(HEADER.protocolVersion, protocolVersion);
  if (sessionId !== null) headers.push(HEADER.sessionId, sessionId);
  return headers;
}

/** The same headers with another Host. */
export function withHost(headers: readonly string[], host: string): string[] {
  const changed: string[] = [];
  eachHeader(headers, (name, value) => {
    if (name.toLowerCase() !== 'host') changed.push(name, value);
  });
  return [...changed, 'host', host];
}
