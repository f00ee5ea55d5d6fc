import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { RpcMessage } from '../../proto/json-rpc.ts';
import { parseJsonObject } from '../../proto/parse-json.ts';
import { HEADER } from '../../proto/wire.ts';
import { headerValue } from './header-value.ts';

/** Requests that only read. A tool's answer is never kept, whatever it says of itself. */
const CACHEABLE = new Set([
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
]);

/**
 * The key of a request's answer: method, revision and params without `_meta`. Whoever sends a token gets only what was given to somebody with one. Null: not to
 * be answered from the cache, nor kept; so is a request whose headers say other things than its body, which the server has to refuse.
 */
export function cacheKey(message: RpcMessage, body: Buffer, headers: IncomingHttpHeaders): string | null {
  if (
    message.kind !== 'request' ||
    message.method === null ||
    !CACHEABLE.has(message.method) ||
    message.claimedVersion === null ||
    message.requestState !== null
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
  const { _meta, ...asked } = (parseJsonObject(body)?.['params'] ?? {}) as Record<string, unknown>;
  if ('inputResponses' in asked || _meta === undefined) return null;
  return hash(
    'sha256',
    JSON.stringify([message.method, message.claimedVersion, headers.authorization !== undefined, inOrder(asked)]),
  );
}

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
