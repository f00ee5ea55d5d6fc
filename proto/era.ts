/**
 * The two protocols that arrive at one path: with `initialize` and sessions, or without (2026-07-28 and later). Envoy's routes, `explain` and the relay
 * ask here.
 */
export type Era = 'legacy' | 'modern';

export const FIRST_MODERN_REVISION = '2026-07-28';
/** Key in `params._meta` of a request: the revision that it speaks. */
export const VERSION_CLAIM = 'io.modelcontextprotocol/protocolVersion';

/** Revisions of the modern era: dates from the first one on. As a regular expression, because Envoy compares headers with nothing else. */
export const MODERN_REVISION =
  '2026-(07-(2[89]|3[01])|(0[89]|1[0-2])-[0-9]{2})|(202[7-9]|20[3-9][0-9]|2[1-9][0-9]{2}|[3-9][0-9]{3})-[0-9]{2}-[0-9]{2}';
/** Revisions with `initialize`: all dates before the first modern one. */
export const LEGACY_REVISION = '202[0-5]-[0-9]{2}-[0-9]{2}|2026-(0[1-6]-[0-9]{2}|07-([01][0-9]|2[0-7]))';
const MODERN = new RegExp(`^(?:${MODERN_REVISION})$`);

export const isModernRevision = (version: string | null): boolean => version !== null && MODERN.test(version);

/** What tells the era of a JSON-RPC request that names no session. */
export interface EraSigns {
  method: string | null;
  /** What its body claims; null without a claim. */
  claimedVersion: string | null;
  /** Its MCP-Protocol-Version header. */
  protocolVersion: string | null;
}

/** Its own claim decides; without one `initialize` is legacy, and a modern header makes a (faulty) modern request. */
export function eraOfRequest({ method, claimedVersion, protocolVersion }: EraSigns): Era {
  if (claimedVersion !== null) return 'modern';
  return method !== 'initialize' && isModernRevision(protocolVersion) ? 'modern' : 'legacy';
}
