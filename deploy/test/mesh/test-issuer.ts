import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** For tests: who signs JWTs (ES256) with one key. */
export class TestIssuer {
  readonly kid: string;
  readonly #claims: object;
  readonly #private: KeyObject;
  /** The public half, as a JWKS lists it. */
  readonly jwk: object;

  /** `claims`: what all its tokens say unless one says otherwise. */
  constructor(kid: string, claims: object) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.kid = kid;
    this.#claims = claims;
    this.#private = privateKey;
    this.jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' };
  }

  get jwks(): string {
    return JSON.stringify({ keys: [this.jwk] });
  }

  /** A token that ends in 10 minutes unless `claims` say otherwise. */
  token(claims: object = {}): string {
    const text = `${part({ alg: 'ES256', kid: this.kid, typ: 'JWT' })}.${this.#body(claims)}`;
    return `${text}.${sign('sha256', Buffer.from(text), { key: this.#private, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  }

  /** The same claims with a signature that is none. */
  forged(claims: object = {}): string {
    return `${part({ alg: 'none', typ: 'JWT' })}.${this.#body(claims)}.c2lnbmF0dXJl`;
  }

  #body(claims: object): string {
    return part({ exp: Math.floor(Date.now() / 1000) + 600, ...this.#claims, ...claims });
  }
}
