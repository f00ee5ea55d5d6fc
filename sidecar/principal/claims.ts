import { parseJsonObject } from '../../proto/parse-json.ts';

/** Who a token speaks for (RFC 7519: `iss` and `sub`). */
export interface Subject {
  issuer: string;
  subject: string;
}

const MAX_TOKEN_LENGTH = 16_384;
/** Parts of tokens are decoded here: a buffer for each would be a tenth of what a decision costs. */
const scratch = Buffer.alloc(MAX_TOKEN_LENGTH);
/** The header that was read last: an issuer's tokens have the same, which is no secret. */
let knownHeader: string | null = null;

/** The token of an Authorization header with the Bearer scheme; null for anything else. */
export const bearerToken = (authorization: string | null | undefined): string | null =>
  authorization ? (/^Bearer +([^\s]+) *$/i.exec(authorization)?.[1] ?? null) : null;

/**
 * The subject of a token with the shape of a JWT (three base64url parts, JSON header and claims); null for any other token. The signature is not
 * checked: only who checked it, or hands the token to somebody who will, may rely on the answer.
 */
export function subjectOfToken(token: string): Subject | null {
  const first = token.indexOf('.'),
    second = token.indexOf('.', first + 1);
  if (first < 0 || second < 0 || token.includes('.', second + 1) || token.length > MAX_TOKEN_LENGTH) return null;
  const header = token.slice(0, first);
  if (header !== knownHeader) {
    if (typeof readPart(header)?.['alg'] !== 'string') return null;
    knownHeader = Buffer.from(header).toString(); // A slice would keep the token that it was cut from.
  }
  return subjectOfClaims(token.slice(first + 1, second));
}

/** The subject in a token's claims, which are JSON in base64url; null when they name none. */
export function subjectOfClaims(claims: string): Subject | null {
  const read = readPart(claims),
    subject = read?.['sub'],
    issuer = read?.['iss'];
  if (typeof subject !== 'string' || subject === '') return null;
  return { issuer: typeof issuer === 'string' ? issuer : '', subject };
}

/** When a token with these claims ends (`exp`), in ms since the epoch; null when they don't say. */
export function expiryOfClaims(claims: string): number | null {
  const seconds = readPart(claims)?.['exp'];
  return typeof seconds === 'number' && Number.isFinite(seconds) ? seconds * 1000 : null;
}

/** Claims that tell tokens of the same rights apart: whose one is, which one, and when it holds. */
const OWN_CLAIMS = new Set(['sub', 'jti', 'exp', 'nbf', 'iat', 'auth_time']);

/** What a token's claims say beyond its subject and its times (issuer, audience, scopes, roles and all others); null when they name no subject. */
export function sharedClaims(claims: string): Record<string, unknown> | null {
  const read = subjectOfClaims(claims) ? readPart(claims) : undefined;
  return read ? Object.fromEntries(Object.entries(read).filter(([name]) => !OWN_CLAIMS.has(name))) : null;
}

function readPart(part: string): Record<string, unknown> | undefined {
  if (part.length > MAX_TOKEN_LENGTH || !/^[A-Za-z0-9_-]+$/.test(part)) return undefined;
  return parseJsonObject(scratch.toString('utf8', 0, scratch.write(part, 'base64url')));
}
