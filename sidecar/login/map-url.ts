import { ISSUER_DOCUMENTS, RESOURCE_DOCUMENT, type Place } from '../../proto/place.ts';
import { bareHost, isBelow, placeAt } from '../../proto/place-at.ts';

/** What is known of a server and of one request, to tell which of a replica's URLs are its own. */
export interface UrlMap {
  place: Place;
  /** How the client came: `https://mcp.example.com`. */
  origin: string;
  places: readonly Place[];
  routes: readonly string[];
  /** Path of the MCP endpoint on the replica. */
  path: string;
  /** By what Hosts the replica may know itself: `ip:port`, the operator's override. */
  replicaHosts: readonly string[];
}

/**
 * A URL or path of a replica as the client has to use it. A URL of another host (an identity provider, the client's
 * own redirect) is left as it is. So is a URL that is already the mesh's: a replica that knows its public URL names
 * that.
 */
export function mapUrl(text: string, map: UrlMap): string {
  if (text.startsWith('/') && !text.startsWith('//')) return mapReference(text, map);
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return text;
  const url = new URL(text),
    origin = new URL(map.origin);
  // Not by host alone: at another port of the same host there may be the authorization server.
  const isOwnHost = bareHost(url.host) === bareHost(origin.host) && url.port === origin.port;
  const isReplica = map.replicaHosts.includes(url.host);
  if (!isOwnHost && !isReplica) return text;
  // As it stands in the text: a URL without a path has none here either.
  const rest = text.slice(text.indexOf('/', text.indexOf('://') + 3) === -1 ? text.length : endOfOrigin(text)),
    { path, query } = split(rest);
  const mapped = isPublic(path, map) ? path : toPublic(path, map);
  // A path that nobody can reach stays what it is: the replica knows why it names it.
  return mapped === null ? text : `${map.origin}${mapped}${query}`;
}

function mapReference(text: string, map: UrlMap): string {
  const { path, query } = split(text);
  return `${isPublic(path, map) ? path : (toPublic(path, map) ?? path)}${query}`;
}

const endOfOrigin = (text: string): number => text.indexOf('/', text.indexOf('://') + 3);

function split(reference: string): { path: string; query: string } {
  const end = reference.search(/[?#]/);
  return end === -1 ? { path: reference, query: '' } : { path: reference.slice(0, end), query: reference.slice(end) };
}

/** Whether clients find something of this server at the path. The issuer's own URL counts, though nothing is there. */
const isPublic = (path: string, { place, places, routes }: UrlMap): boolean =>
  (place.base !== '' && (path === place.base || path === `${place.base}/`)) ||
  placeAt({ places, routes }, path, place.host ?? undefined) !== null;

/** A path of the replica below the place's own; null when clients can't reach it. */
function toPublic(path: string, { place, routes, path: endpoint }: UrlMap): string | null {
  const slash = path.length > 1 && path.endsWith('/') ? '/' : '';
  if (path === endpoint || path === `${endpoint}/`) return `${place.path}${slash}`;
  for (const document of [RESOURCE_DOCUMENT, ...ISSUER_DOCUMENTS]) {
    if (path !== document && !path.startsWith(`${document}/`)) continue;
    const resource = path.slice(document.length).replace(/\/$/, '');
    if (resource === endpoint || resource === '')
      return `${document}${document === RESOURCE_DOCUMENT || resource !== '' ? place.path : place.base}`;
    return null;
  }
  if (path === '' || path === '/') return `${place.base}${path}`;
  return routes.some((route) => isBelow(path, route)) ? `${place.base}${path}` : null;
}
