/** The two protocols that arrive at one path: with `initialize` and sessions, or (2026-07-28) without. */
export type Era = 'legacy' | 'modern';

export const FIRST_MODERN_REVISION = '2026-07-28';
export const PROTOCOL_CLAIM = 'io.modelcontextprotocol/protocolVersion';

export interface MessageHead {
  httpMethod: string;
  protocolVersion: string | null;
  hasSession: boolean;
  /** The parsed body; undefined when there is none or it is not JSON. */
  body?: unknown;
}

/** Revisions are dates, which sort as text. */
export const isModernRevision = (version: string | null): boolean =>
  version !== null && /^\d{4}-\d{2}-\d{2}$/.test(version) && version >= FIRST_MODERN_REVISION;

/**
 * Which era a message belongs to, in the order of the rules: transport methods, batches and answers are legacy; a request's own
 * claim decides; `initialize` is legacy; without a claim a modern header makes a (faulty) modern request.
 */
export function eraOf({ httpMethod, protocolVersion, hasSession, body }: MessageHead): Era {
  if (httpMethod === 'GET' || httpMethod === 'DELETE' || hasSession || Array.isArray(body)) return 'legacy';
  const message = isObject(body) ? body : {};
  if (!('method' in message) && ('result' in message || 'error' in message)) return 'legacy';
  if (
    isObject(message['params']) &&
    isObject(message['params']['_meta']) &&
    message['params']['_meta'][PROTOCOL_CLAIM] !== undefined
  )
    return 'modern';
  if (message['method'] === 'initialize') return 'legacy';
  return isModernRevision(protocolVersion) ? 'modern' : 'legacy';
}

/** `params` of an initialize request, alone or in a batch; undefined when there is none. */
export function initializeParamsOf(body: unknown): unknown {
  const message = (Array.isArray(body) ? body : [body]).find(
    (each) => isObject(each) && each['method'] === 'initialize',
  ) as Record<string, unknown> | undefined;
  return message && (message['params'] ?? {});
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
