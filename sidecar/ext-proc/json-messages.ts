import { METADATA } from '../../proto/wire.ts';
import { isRead, type ProcessingMessage, type Scalars } from './messages.ts';
import type { Reply } from './replies.ts';

/** A ProcessingRequest in protobuf's JSON, as Envoy 1.40 writes it: the schema's own names, bytes in base64. Only what is read here. */
interface JsonRequest {
  request_headers?: { headers?: { headers?: { key?: string; value?: string; raw_value?: string }[] }; end_of_stream?: boolean };
  metadata_context?: { filter_metadata?: Record<string, Record<string, unknown>> };
}

const EMPTY = Buffer.alloc(0);

/** Reads a request_headers message; throws a SyntaxError when the text is no JSON, a TypeError when it is no such message. */
export function readJsonMessage(text: string): ProcessingMessage {
  const json = JSON.parse(text) as JsonRequest | null, headers = json?.request_headers?.headers?.headers;
  if (!Array.isArray(headers)) throw new TypeError('ext_proc over HTTP: not a request_headers message');
  return {
    kind: 'request_headers', body: EMPTY, isLast: json?.request_headers?.end_of_stream === true, attributes: {},
    headers: headers.map(({ key = '', value = '', raw_value: raw = '' }) => [key, !isRead(key) ? '' : raw === '' ? value : Buffer.from(raw, 'base64').toString('latin1')] as const),
    read: scalars(json?.metadata_context?.filter_metadata?.[METADATA.request]),
  };
}

const scalars = (fields: Record<string, unknown> = {}): Scalars =>
  Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, Scalars[string]] => ['string', 'number', 'boolean'].includes(typeof entry[1])));

/** A ProcessingResponse in protobuf's JSON. Without `mode_override`: there is nothing more to be asked. */
export const writeJsonReply = ({ mode_override: _, ...reply }: Reply): string => JSON.stringify(plain(reply));

function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const key in value) copy[key] = plain((value as Record<string, unknown>)[key]);
  return copy;
}
