import { bearerToken, sharedClaims } from '../../principal/claims.ts';
import { credentialsIn, isCredential } from '../../principal/credentials.ts';

/** What a request shows of who asks. */
export interface AskedBy {
  /** As the replica gets it, with the query. */
  path: string;
  /** Headers for the replica (flat list). */
  sent: readonly string[];
  /** Claims of the token that Envoy verified (HEADER.claims). */
  claims: string | null | undefined;
  /** The server has `jwt`, so Envoy verifies tokens for it. */
  isVerified: boolean;
  /** Headers that the mesh sets for every client (`headerFiles`). */
  ofMesh?: Readonly<Record<string, string>>;
}

/**
 * Those who may be given each other's public answers, as a value for the cache key. A verified token's class is what its claims say beyond the person and
 * the time; all requests without credentials are one class. Null: there are credentials that nobody verified, and only the replica can.
 */
export function classOfRequest({ path, sent, claims, isVerified, ofMesh }: AskedBy): unknown {
  if (hasCredentialInQuery(path)) return null;
  const credentials = credentialsIn(sent, ofMesh);
  if (!isVerified) return credentials.length === 0 ? 'anonymous' : null;
  const [token] = credentials;
  if (credentials.length !== 1 || token?.[0] !== 'authorization' || bearerToken(token[1]) === null) return null;
  return claims ? sharedClaims(claims) : null;
}

function hasCredentialInQuery(path: string): boolean {
  const start = path.indexOf('?');
  if (start < 0) return false;
  return [...new URLSearchParams(path.slice(start)).keys()].some((name) =>
    isCredential(name.toLowerCase().replaceAll('_', '-')),
  );
}
