import { QUERY } from '../../../proto/wire.ts';

/**
 * HTTP+SSE (2024-11-05): the server names the URI that its client POSTs to. The client gets one of the mesh instead: its own path with the
 * session id in the query. The session's upstream id is the path and query of the server's URI, in base64url. Any gateway can read it, and
 * it only ever leads to the session's replica.
 */
const MAX_ENDPOINT_BYTES = 760;

/** Path and query of what an `endpoint` event names; null when that is no HTTP URI or too long to be carried in an id. */
export function readEndpoint(data: string, streamPath: string): string | null {
  let uri: URL;
  try {
    uri = new URL(data.trim(), `http://replica${streamPath}`);
  } catch {
    return null;
  }
  if (uri.protocol !== 'http:' && uri.protocol !== 'https:') return null;
  const endpoint = uri.pathname + uri.search;
  return endpoint.length <= MAX_ENDPOINT_BYTES ? endpoint : null;
}

export const endpointId = (endpoint: string): string => Buffer.from(endpoint).toString('base64url');

/** The URI of an upstream id; null when it is none that `endpointId` made. */
export function endpointOf(upstreamId: string): string | null {
  if (!/^[\w-]{1,1024}$/.test(upstreamId)) return null;
  const endpoint = Buffer.from(upstreamId, 'base64url').toString('latin1');
  return /^\/[\x21-\x7e]*$/.test(endpoint) ? endpoint : null;
}

/** What the client is told to POST to, relative to its own origin. `originalPath`: the path that it asked for. */
export const meshEndpoint = (originalPath: string, clientId: string): string =>
  `${originalPath.replace(/\?.*$/s, '')}?${QUERY.sseSession}=${encodeURIComponent(clientId)}`;

/** The session id in the query of such a POST; null when there is none. */
export function sessionOfQuery(path: string): string | null {
  const at = path.indexOf('?');
  return at < 0 ? null : new URLSearchParams(path.slice(at + 1)).get(QUERY.sseSession);
}
