import type { OutgoingHttpHeaders } from 'node:http';
import { mapUrl, type UrlMap } from './map-url.ts';

const RESOURCE_METADATA = /(resource_metadata="?)([^", ]+)/g;
const COOKIE_PATH = /(;\s*path=)(\/[^;]*)/i;

/**
 * Maps the headers of a replica's answer to what is not MCP, in place: redirects, where clients log in, and the paths
 * of cookies.
 */
export function mapHeaders(headers: OutgoingHttpHeaders, map: UrlMap): void {
  const each = (name: string, change: (value: string) => string): void => {
    const value = headers[name];
    if (typeof value === 'string') headers[name] = change(value);
    else if (Array.isArray(value)) headers[name] = value.map(change);
  };
  each('location', (value) => mapLocation(value, map));
  each('content-location', (value) => mapUrl(value, map));
  each('www-authenticate', (value) =>
    value.replace(RESOURCE_METADATA, (_, before: string, url: string) => `${before}${mapUrl(url, map)}`),
  );
  each('set-cookie', (value) =>
    value.replace(COOKIE_PATH, (_, before: string, path: string) => `${before}${mapUrl(path, map)}`),
  );
}

/** Back at the client a redirect may name the issuer (RFC 9207), which has to be the one of the document. */
function mapLocation(value: string, map: UrlMap): string {
  const location = mapUrl(value, map);
  if (location !== value || !URL.canParse(value)) return location;
  const url = new URL(value),
    issuer = url.searchParams.get('iss');
  if (issuer === null || mapUrl(issuer, map) === issuer) return value;
  url.searchParams.set('iss', mapUrl(issuer, map));
  return url.href;
}
