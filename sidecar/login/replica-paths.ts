import { ISSUER_DOCUMENTS, RESOURCE_DOCUMENT } from '../../proto/place.ts';
import type { Placed } from '../../proto/place-at.ts';

const DOCUMENTS = [RESOURCE_DOCUMENT, ...ISSUER_DOCUMENTS];

/**
 * Where a replica may have what a client asks for, best first; the next one is asked after a 404. A replica that knows its public URL has a document
 * there. Another has it at its own path, or without one.
 */
export function replicaPaths(path: string, { place, is }: Placed, endpoint: string): string[] {
  if (is === 'route') return [path.slice(place.base.length)];
  const own = endpoint === '/' ? '' : endpoint.replace(/\/$/, '');
  const paths = DOCUMENTS.flatMap((document) => {
    if (path === document || path === `${place.base}${document}`) return [document, `${document}${own}`];
    if (!path.startsWith(document)) return [];
    // A resource's document names its path (RFC 9728); an issuer commonly is the whole host (RFC 8414).
    return document === RESOURCE_DOCUMENT ? [`${document}${own}`, document] : [document, `${document}${own}`];
  });
  return [...new Set([path, ...paths])];
}
