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
  for (const name of names) if (!name.startsWith(':') && !name.toLowerCase().startsWith('x-holdfast-') && CREDENTIALS.test(name)) return true;
  return false;
}

/** What operators are shown of a principal. */
export const userIdOf = (principal: string | null): string => principal === null ? 'anonymous' : principal.slice(0, 12);

function hash(...parts: string[]): string {
  return digest('sha256', JSON.stringify(parts));
}

/** Issuer and subject of what has the shape of a JWT (RFC 7519: three base64url parts, JSON header and claims). */
function readClaims(token: string): { iss: string; sub: string } | undefined {
  const parts = token.split('.');
  if (parts.length !== 3 || token.length > 16_384) return undefined;
  const [header, claims] = [readPart(parts[0]!), readPart(parts[1]!)];
  if (typeof header?.['alg'] !== 'string' || typeof claims?.['sub'] !== 'string') return undefined;
  return { iss: typeof claims['iss'] === 'string' ? claims['iss'] : '', sub: claims['sub'] };
}

function readPart(part: string): Record<string, unknown> | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(part)) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value as Record<string, unknown> : undefined;
  } catch {
    return undefined;
  }
}
