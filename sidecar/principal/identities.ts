import type { ServerPolicy } from '../../proto/server-policy.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import { bearerToken, subjectOfClaims, subjectOfToken, type Subject } from './claims.ts';
import { credentialsIn, credentialsInQuery } from './credentials.ts';
import type { KeyedDigest } from './keyed-digest.ts';

/** What a request shows of who asks. */
export interface Shown {
  authorization: string | null | undefined;
  /** Claims of the token that Envoy verified (HEADER.claims); null where it verified none. */
  claims: string | null | undefined;
}

/** Keyed digests: of the principal, and of all credentials; null for none. */
export interface Owner {
  principal: string | null;
  credentials: string | null;
}

/** `path`: with the query of the live request. */
type BindPolicy = Pick<ServerPolicy, 'bind' | 'jwt'> & Partial<Pick<ServerPolicy, 'headerFiles' | 'path'>>;

/** Why a server with `jwt` takes no request that shows this: Envoy verified no token, or one without a subject. Null: nothing against it. */
export function refusalOfUnverified(
  { claims }: Pick<Shown, 'claims'>,
  { jwt }: Pick<ServerPolicy, 'jwt'>,
): { status: 401 | 403; message: string } | null {
  if (jwt === undefined) return null;
  if (!claims) return { status: 401, message: 'The gateway has not verified a token for this request' };
  return subjectOfClaims(claims)
    ? null
    : { status: 403, message: 'The token names no subject (sub), so no session can be its own' };
}

/** Who a request speaks for, and what it may do with a session. Everything that is kept of it is a keyed digest. */
export class Identities {
  readonly #digest: KeyedDigest;

  constructor(digest: KeyedDigest) {
    this.#digest = digest;
  }

  /**
   * The principal of a request as a keyed digest; null when it speaks for nobody in particular. Where the server has `jwt` it comes from the token that
   * Envoy verified, and from nothing else. Elsewhere the token is the replica's to verify, and its subject is taken as it stands.
   */
  principalOf(shown: Shown, policy: BindPolicy): string | null {
    const parts = principalParts(shown, policy);
    return parts && this.#digest.of(parts);
  }

  /** Whether a request may use a session. Where the server has `jwt`, a session without a principal is nobody's. */
  owns({ principal }: Pick<SessionRecord, 'principal'>, shown: Shown, policy: BindPolicy): boolean {
    if (principal === null) return policy.jwt === undefined;
    const parts = principalParts(shown, policy);
    return parts !== null && this.#digest.matches(principal, parts);
  }

  /** The keyed digest of all credentials among headers (flat list); null when there are none. Tokens of one subject count as the same. */
  credentialsOf(headers: readonly string[], policy: BindPolicy): string | null {
    const parts = credentialParts(headers, policy);
    return parts && this.#digest.of(parts);
  }

  /** Tells what this mesh made from what another one made. */
  get mark(): string {
    return this.#digest.mark;
  }

  /** Whether it is, or was, this mesh's mark. */
  isOwnMark(mark: string): boolean {
    return this.#digest.isOwnMark(mark);
  }

  /** Text that only this mesh can read, about one thing. */
  seal(text: string, about: string): string {
    return this.#digest.seal(text, about);
  }

  /** Null: nobody of this mesh sealed it about this. */
  unseal(sealed: string, about: string): string | null {
    return this.#digest.unseal(sealed, about);
  }

  /** What the record of a new session says of whose it is. */
  ownerOf(shown: Shown, headers: readonly string[], policy: BindPolicy): Owner {
    return { principal: this.principalOf(shown, policy), credentials: this.credentialsOf(headers, policy) };
  }

  /**
   * Whether a session may be rebuilt with the credentials among these headers: those that its replica last accepted, and none where it had none.
   * A record of an earlier version doesn't say: then its principal, which was compared before, has to do.
   */
  mayRebuild(
    { credentials, hasCredentials, principal, type }: Owned,
    headers: readonly string[],
    policy: BindPolicy,
  ): boolean {
    const parts = credentialParts(headers, asAsked(policy, type));
    if (credentials === undefined) return hasCredentials === false ? parts === null : principal !== null;
    if (credentials === null || parts === null) return credentials === null && parts === null;
    return this.#digest.matches(credentials, parts);
  }
}

type Owned = Pick<SessionRecord, 'credentials' | 'hasCredentials' | 'principal'> & Partial<Pick<SessionRecord, 'type'>>;

/**
 * The policy as requests of a session of this type say who asks. Messages of HTTP+SSE go to the URL that the server names, so the query of the
 * client's own URL is not theirs.
 */
export const asAsked = <Policy extends BindPolicy>(policy: Policy, type: SessionRecord['type'] | undefined): Policy =>
  type === 'sse' ? { ...policy, path: '' } : policy;

const subjectParts = ({ issuer, subject }: Subject): string[] => ['jwt', issuer, subject];

function principalParts({ authorization, claims }: Shown, { bind, jwt }: BindPolicy): string[] | null {
  if (jwt !== undefined) {
    const subject = claims ? subjectOfClaims(claims) : null;
    return subject && subjectParts(subject);
  }
  const token = bind === 'off' ? null : bearerToken(authorization);
  if (token === null) return null;
  const subject = subjectOfToken(token);
  if (subject) return subjectParts(subject);
  return bind === 'token' ? ['token', token] : null;
}

function credentialParts(headers: readonly string[], policy: BindPolicy): string[] | null {
  const asked = credentialsInQuery(policy.path ?? ''),
    credentials = credentialsIn(asked.length === 0 ? headers : [...headers, ...asked], policy.headerFiles);
  if (credentials.length === 0) return null;
  return [
    'credentials',
    ...credentials.flatMap(([name, value]) => {
      const token = name === 'authorization' && isBinding(policy) ? bearerToken(value) : null,
        subject = token === null ? null : subjectOfToken(token);
      return subject ? [name, ...subjectParts(subject)] : [name, value];
    }),
  ];
}

/** A token of the same subject is a refreshed one: the replica, or Envoy, verifies it before a session is rebuilt. */
const isBinding = ({ bind, jwt }: BindPolicy): boolean => jwt !== undefined || bind !== 'off';
