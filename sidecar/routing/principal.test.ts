import test from 'ava';
import { carriesCredentials, principalOf, userIdOf } from './principal.ts';

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const jwt = (claims: object, signature = 'c2ln'): string =>
  `Bearer ${part({ alg: 'RS256' })}.${part(claims)}.${signature}`;

test('a refreshed JWT of the same issuer and subject is the same principal', (t) => {
  const first = principalOf(jwt({ iss: 'https://id.example', sub: 'ann', exp: 1 }), 'principal');
  t.regex(first ?? '', /^[0-9a-f]{64}$/);
  t.is(principalOf(jwt({ iss: 'https://id.example', sub: 'ann', exp: 2 }, 'b3RoZXI'), 'principal'), first);
  t.not(principalOf(jwt({ iss: 'https://id.example', sub: 'bob' }), 'principal'), first);
  t.not(principalOf(jwt({ iss: 'https://other.example', sub: 'ann' }), 'principal'), first);
});

test('issuer and subject can not run into each other', (t) => {
  t.not(principalOf(jwt({ iss: 'a', sub: 'bc' }), 'principal'), principalOf(jwt({ iss: 'ab', sub: 'c' }), 'principal'));
});

test('an opaque token binds only where the configuration says that it stays', (t) => {
  t.is(principalOf('Bearer opaque', 'principal'), null);
  t.regex(principalOf('Bearer opaque', 'token') ?? '', /^[0-9a-f]{64}$/);
  t.is(principalOf(jwt({ sub: 'ann' }), 'off'), null);
});

test('what is no JWT is no principal, and never an error', (t) => {
  for (const text of [
    undefined,
    null,
    '',
    'Basic YTpi',
    'Bearer',
    'Bearer a.b.c',
    `Bearer ${part([])}.${part({ sub: 'x' })}.s`,
    jwt({ iss: 'i' }),
    jwt({ sub: 7 }),
  ])
    t.is(principalOf(text, 'principal'), null);
});

test('a header that was read before speaks for the next token, and for no other header', (t) => {
  const header = part({ alg: 'ES256', typ: 'JWT', kid: '1' }),
    claims = part({ iss: 'i', sub: 'ann' });
  const first = principalOf(`Bearer ${header}.${claims}.a`, 'principal');
  t.is(principalOf(`Bearer ${header}.${claims}.b`, 'principal'), first);
  t.not(principalOf(`Bearer ${header}.${part({ iss: 'i', sub: 'bob' })}.a`, 'principal'), first);
  for (const other of [part([]), part({ typ: 'JWT' }), '', header.slice(1), `${header}=`])
    t.is(principalOf(`Bearer ${other}.${claims}.a`, 'principal'), null, other);
  t.is(principalOf(`Bearer ${header}.${part('ann')}.a`, 'principal'), null);
  t.is(principalOf(`Bearer ${header}.${part({ sub: 'ann' })}`, 'principal'), null);
  t.is(principalOf(`Bearer ${header}.${claims}.a.b`, 'principal'), null);
  t.is(principalOf(`Bearer ${header}.${part({ sub: 'a'.repeat(17_000) })}.a`, 'principal'), null);
  t.is(principalOf(`Bearer ${header}.${claims}.a`, 'principal'), first);
});

test('operators see 12 digits of a principal, or anonymous', (t) => {
  t.is(userIdOf(null), 'anonymous');
  t.is(userIdOf('0123456789abcdef'), '0123456789ab');
});

test('a token, a cookie or a key says who asks, whatever its header is called; what every request has does not', (t) => {
  for (const name of [
    'authorization',
    'Cookie',
    'x-api-key',
    'X-Auth-User',
    'x-session-token',
    'x-goog-iap-jwt-assertion',
  ])
    t.true(carriesCredentials([':path', name]), name);
  t.false(
    carriesCredentials([
      ':authority',
      ':method',
      'host',
      'accept',
      'content-type',
      'user-agent',
      'mcp-protocol-version',
      'x-holdfast-token',
      'x-request-id',
      'x-forwarded-for',
      'traceparent',
    ]),
  );
});
