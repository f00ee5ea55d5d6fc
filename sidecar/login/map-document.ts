import { parseJsonObject, type Json } from '../../proto/parse-json.ts';
import { mapUrl, type UrlMap } from './map-url.ts';

/** A document about log-in with every URL of the replica's own as clients use it; null when the text is no JSON object. */
export function mapDocument(text: Buffer | string, map: UrlMap): string | null {
  const document = parseJsonObject(text);
  return document === undefined ? null : JSON.stringify(mapped(document, map));
}

function mapped(value: Json, map: UrlMap): Json {
  // A member that only looks like a path is text: documents name endpoints by whole URLs.
  if (typeof value === 'string') return value.startsWith('/') ? value : mapUrl(value, map);
  if (Array.isArray(value)) return value.map((each) => mapped(each, map));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, mapped(each, map)]));
}
