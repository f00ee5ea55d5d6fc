import { hash as digest } from 'node:crypto';
import type { ServerPolicy } from '../../proto/server-policy.ts';

/**
 * Who a request speaks for, as sha256 hex: of issuer and subject of a JWT, or (`bind: token` only) of an opaque token, which would change on
 * refresh. Null when it speaks for nobody in particular. The token is not verified here (that is the replica's part) and never kept.
 */
export function principalOf(authorization: string | null | undefined, bind: ServerPolicy['bind']): string | null {
  if (!authorization || bind === 'off') return null;
  const token = /^Bearer +([^\s]+) *$/i.exec(authorization)?.[1];
  if (token === undefined) return null;
  const claims = readClaims(token);
  if (claims) return hash('jwt', claims.iss, claims.sub);
  return bind === 'token' ? hash('token', token) : null;
}

/** Names of headers that may say who asks. One too many only means that the session waits for its client's next request before it is moved. */
const CREDENTIALS = /auth|cookie|token|secret|credential|api-?key|assertion|x-forwarded-client-cert/i;

/** Whether a request shows anything of who asks. Pseudo headers (`:authority`) and the mesh's own say nothing of it. */
export function carriesCredentials(names: Iterable<string>): boolean {
  for (const name of names)
    if (!name.startsWith(':') && !name.toLowerCase().startsWith('x-holdfast-') && CREDENTIALS.test(name)) return true;
  return false;
}

/** What operators are shown of a principal. */
export const userIdOf = (principal: string | null): string =>
  principal === null ? 'anonymous' : principal.slice(0, 12);

function hash(...parts: string[]): string {
  return digest('sha256', JSON.stringify(parts));
}

const MAX_TOKEN_LENGTH = 16_384;
/** Where parts of tokens are decoded: a buffer for each would be a tenth of what a decision costs. */
const scratch = Buffer.alloc(MAX_TOKEN_LENGTH);
/** The header that was read last: an issuer's tokens have the same, which is no secret. */
let knownHeader: string | null = null;

/** Issuer and subject of what has the shape of a JWT (RFC 7519: three base64url parts, JSON header and claims). */
function readClaims(token: string): { iss: string; sub: string } | undefined {
  const first = token.indexOf('.'),
    second = token.indexOf('.', first + 1);
  if (first < 0 || second < 0 || token.includes('.', second + 1) || token.length > MAX_TOKEN_LENGTH) return undefined;
  const header = token.slice(0, first);
  if (header !== knownHeader) {
    if (typeof readPart(header)?.['alg'] !== 'string') return undefined;
    knownHeader = Buffer.from(header).toString(); // A slice would keep the token that it was cut from.
  }
  const claims = readPart(token.slice(first + 1, second));
  if (typeof claims?.['sub'] !== 'string') return undefined;
  return { iss: typeof claims['iss'] === 'string' ? claims['iss'] : '', sub: claims['sub'] };
}

function readPart(part: string): Record<string, unknown> | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(part)) return undefined;
  try {
    const value: unknown = JSON.parse(scratch.toString('utf8', 0, scratch.write(part, 'base64url')));
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
