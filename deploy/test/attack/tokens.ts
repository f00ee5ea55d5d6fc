import { createHmac, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';

export const ISSUER = 'https://id.example';
export const AUDIENCE = 'attacked';

/** An issuer of our own: its public keys, and tokens of every kind that an attacker could hold. */
export interface Issuer {
  /** JWKS document. */
  jwks: string;
  /** A token that the issuer signed. */
  valid(subject: string, claims?: object): string;
  /** The same claims, unsigned. */
  forged(subject: string, claims?: object): string;
  /** `alg: none`, as careless readers take it. */
  unsigned(subject: string): string;
  /** Signed by somebody else's key under the issuer's key id. */
  foreign(subject: string): string;
  /** HS256 with the issuer's public key as the secret, as readers take it that believe the head. */
  confused(subject: string): string;
  /** Signed by somebody else's key, which is in the head. */
  embedded(subject: string): string;
  /** Signed by somebody else's key, whose URL is in the head. */
  linked(subject: string): string;
}

const base64 = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const HEAD = { alg: 'RS256', kid: 'k1', typ: 'JWT' };

function sign(claims: object, key: KeyObject, more: object = {}): string {
  const text = `${base64({ ...HEAD, ...more })}.${base64(claims)}`;
  return `${text}.${createSign('RSA-SHA256').update(text).sign(key).toString('base64url')}`;
}

export function createIssuer(now: () => number): Issuer {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const claimsOf = (sub: string, more: object = {}): object => ({
    iss: ISSUER,
    sub,
    aud: AUDIENCE,
    exp: Math.floor(now() / 1000) + 86_400,
    ...more,
  });
  return {
    jwks: JSON.stringify({
      keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'RS256', use: 'sig' }],
    }),
    valid: (subject, claims) => sign(claimsOf(subject, claims), pair.privateKey),
    forged: (subject, claims) => `${base64(HEAD)}.${base64(claimsOf(subject, claims))}.${base64('not-a-signature')}`,
    unsigned: (subject) => `${base64({ alg: 'none' })}.${base64(claimsOf(subject))}.${base64('x')}`,
    foreign: (subject) => sign(claimsOf(subject), stranger.privateKey),
    confused(subject) {
      const text = `${base64({ ...HEAD, alg: 'HS256' })}.${base64(claimsOf(subject))}`,
        secret = pair.publicKey.export({ type: 'spki', format: 'pem' });
      return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
    },
    embedded: (subject) =>
      sign(claimsOf(subject), stranger.privateKey, { jwk: stranger.publicKey.export({ format: 'jwk' }) }),
    linked: (subject) =>
      sign(claimsOf(subject), stranger.privateKey, { jku: 'http://127.0.0.1:9/jwks', x5u: 'http://127.0.0.1:9/x' }),
  };
}
