import { RESOURCE_DOCUMENT, type Place } from '../../proto/place.ts';

/** WWW-Authenticate of a 403 that asks the client to log in again with further scopes (RFC 6750, MCP's step-up). */
export function challengeFor(places: readonly Place[], scopes: readonly string[]): string {
  const url = places.find((place) => place.url !== null)?.url,
    { origin, pathname } = url ? new URL(url) : { origin: '', pathname: '' };
  return [
    'Bearer error="insufficient_scope"',
    `scope="${scopes.join(' ')}"`,
    ...(url ? [`resource_metadata="${origin}${RESOURCE_DOCUMENT}${pathname}"`] : []),
  ].join(', ');
}
