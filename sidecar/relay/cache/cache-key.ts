import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { eachMember, skipSpace } from '../../../proto/json-scan.ts';
import type { RpcMessage } from '../../../proto/json-rpc.ts';
import { parseJsonObject } from '../../../proto/parse-json.ts';
import { HEADER } from '../../../proto/wire.ts';
import { headerValue } from '../../affinity/header-value.ts';
import { keyedHeaders } from './keyed-headers.ts';
import { classOfRequest, type AskedBy } from './request-class.ts';

/** Requests that only read. A tool's answer is never kept, whatever it says of itself. */
const CACHEABLE = new Set([
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
]);

/** Longer requests are not answered from the cache. */
const MAX_REQUEST_BYTES = 16_384;

/** What `_meta` says of one request or one program. The rest of it is part of the key. */
const UNKEYED_META = new Set(['progressToken', 'traceparent', 'tracestate', 'io.modelcontextprotocol/clientInfo']);

/**
 * The key of a request's answer, a hash of everything that the answer may depend on. That is method, revision, params, path, query, headers
 * (Host among them) and the class of the client. Null: the cache neither answers it nor keeps its answer. So it is with credentials that
 * nobody verified, and with headers that contradict the body, which the server has to refuse.
 */
export function cacheKey(
  message: RpcMessage,
  body: Buffer,
  headers: IncomingHttpHeaders,
  askedBy: AskedBy,
): string | null {
  if (
    message.kind !== 'request' ||
    message.method === null ||
    !CACHEABLE.has(message.method) ||
    message.claimedVersion === null ||
    message.requestState !== null ||
    body.length > MAX_REQUEST_BYTES
  )
    return null;
  if (headers[HEADER.method] !== message.method || headers[HEADER.protocolVersion] !== message.claimedVersion)
    return null;
  const name = headers[HEADER.name];
  if (
    message.method === 'resources/read'
      ? typeof name !== 'string' || headerValue(name) !== message.uri
      : name !== undefined
  )
    return null;
  const { id: _id, params, ...others } = parseJsonObject(body) ?? {};
  const { _meta, ...asked } = (params ?? {}) as Record<string, unknown>;
  if ('inputResponses' in asked || _meta === null || typeof _meta !== 'object') return null;
  if (hasTwins(body, skipSpace(body, 0))) return null;
  const askers = classOfRequest(askedBy);
  if (askers === null) return null;
  const meta = Object.entries(_meta).filter(([member]) => !UNKEYED_META.has(member));
  const said = [others, message.claimedVersion, asked, Object.fromEntries(meta), askers].map(inOrder);
  return hash('sha256', JSON.stringify([...said, askedBy.path, keyedHeaders(askedBy.sent)]));
}

/** Whether an object, or one within it, has two members of one name in whatever case. Parsers differ in which of them counts. */
function hasTwins(json: Buffer, from: number): boolean {
  const names = new Set<string>();
  let isFound = false;
  eachMember(json, from, (name, start) => {
    const common = name.toLowerCase();
    isFound ||= names.has(common) || (json[start] === OPEN_BRACE && hasTwins(json, start));
    names.add(common);
  });
  return isFound;
}
const OPEN_BRACE = 0x7b;

/** The same value with the members of its objects in one order. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, each]) => [name, inOrder(each)]),
  );
}
