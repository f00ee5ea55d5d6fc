import { createHmac, randomUUID } from 'node:crypto';

/** What a token of the example server says. */
export interface TokenFacts {
  clientId: string;
  scopes: string[];
  /** Seconds since the epoch. */
  expiresAt: number;
  kind: 'access' | 'refresh';
}

/** Every replica has the same, so a token of one is good on all. For tests alone. */
const SECRET = 'holdfast-test';
const signatureOf = (text: string): string => createHmac('sha256', SECRET).update(text).digest('base64url');

/** An opaque token: two parts, so nobody takes it for a JWT. */
export function signToken(facts: TokenFacts): string {
  const text = Buffer.from(JSON.stringify({ ...facts, jti: randomUUID() })).toString('base64url');
  return `${text}.${signatureOf(text)}`;
}

/** What a token says, if it is one of ours, of this kind, and not over. */
export function readToken(token: string, kind: TokenFacts['kind'], nowSeconds: number): TokenFacts | null {
  const [text = '', signature] = token.split('.');
  if (signature !== signatureOf(text)) return null;
  const facts = JSON.parse(Buffer.from(text, 'base64url').toString()) as TokenFacts;
  return facts.kind === kind && facts.expiresAt > nowSeconds ? facts : null;
}
