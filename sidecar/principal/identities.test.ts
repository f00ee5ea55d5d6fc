import test from 'ava';
import { isCredential } from './credentials.ts';
import { userIdOf } from '../../proto/session-record.ts';
import { refusalOfUnverified } from './identities.ts';
import { sampleIdentities } from './testing/sample-identities.ts';

const identities = sampleIdentities();
type Bind = 'principal' | 'token' | 'off';
const principalOf = (authorization: string | null | undefined, bind: Bind): string | null =>
  identities.principalOf({ authorization, claims: null }, { bind });
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
    'proxy-authorization',
    'cookie',
    'x-api-key',
    'x-auth-user',
    'x-session-token',
    'x-goog-iap-jwt-assertion',
  ])
    t.true(isCredential(name), name);
  for (const name of [
    ':authority',
    ':method',
    'host',
    'accept',
    'content-type',
    'user-agent',
    'mcp-protocol-version',
    'x-holdfast-token',
  ])
    t.false(isCredential(name), name);
});

test('a header that the mesh sets from a file is nobody’s credential: its key may change, and sessions are still rebuilt', (t) => {
  const policy = { bind: 'principal', headerFiles: { 'x-api-key': '/k' } } as const,
    other = { bind: 'principal' } as const;
  t.is(identities.credentialsOf(['X-Api-Key', 'one'], policy), null);
  t.not(identities.credentialsOf(['X-Api-Key', 'one'], other), null);
  const ofClient = ['authorization', 'Bearer opaque'],
    credentials = identities.credentialsOf([...ofClient, 'x-api-key', 'one'], policy);
  t.true(identities.mayRebuild({ credentials, principal: null }, [...ofClient, 'x-api-key', 'two'], policy));
  t.false(identities.mayRebuild({ credentials, principal: null }, ['x-api-key', 'one'], policy));
});

test('where Envoy verifies tokens only its word counts: not the header, whatever its scheme, and not `bind: off`', (t) => {
  const ann = jwt({ iss: 'i', sub: 'ann' }),
    claims = part({ iss: 'i', sub: 'eve' });
  for (const bind of ['principal', 'token', 'off'] as const) {
    const policy = { bind, jwt: { issuer: 'i' } },
      eve = identities.principalOf({ authorization: ann, claims }, policy);
    t.is(identities.principalOf({ authorization: ann, claims: null }, policy), null);
    t.not(eve, principalOf(ann, 'principal'));
    t.true(identities.owns({ principal: eve }, { authorization: null, claims }, policy));
    t.false(identities.owns({ principal: principalOf(ann, 'principal') }, { authorization: ann, claims }, policy));
    t.false(identities.owns({ principal: null }, { authorization: ann, claims }, policy), 'nobody’s session');
    t.like(refusalOfUnverified({ claims: undefined }, policy), { status: 401 });
    t.like(refusalOfUnverified({ claims: '' }, policy), { status: 401 });
    for (const bad of [part({ iss: 'i' }), part({ sub: '' }), part({ sub: 7 }), part([]), '%', 'e30'])
      t.like(refusalOfUnverified({ claims: bad }, policy), { status: 403 }, bad);
    t.is(refusalOfUnverified({ claims }, policy), null);
  }
  t.is(refusalOfUnverified({ claims: null }, {}), null);
});

const policy = { bind: 'principal' } as const;
const rebuild = (begunWith: readonly string[], asks: readonly string[], bind: Bind = 'principal'): boolean =>
  identities.mayRebuild(
    { credentials: identities.credentialsOf(begunWith, { bind }), hasCredentials: true, principal: null },
    asks,
    { bind },
  );

test('a session is rebuilt for the credentials that its replica accepted, and for no others', (t) => {
  const key = ['X-API-Key', 'k', 'host', 'a'];
  t.true(rebuild(key, ['accept', 'x', 'x-api-key', 'k']));
  t.true(rebuild([], ['accept', 'x', 'host', 'h']));
  for (const other of [[], ['x-api-key', 'K'], ['x-api-key', ''], [...key, 'cookie', 'a=b'], ['x-api-kex', 'k']])
    t.false(rebuild(key, other), other.join());
  t.false(rebuild([], key), 'one that began without');
  t.true(rebuild(['authorization', 'Bearer a', 'cookie', 'b=c'], ['cookie', 'b=c', 'Authorization', 'Bearer a']));
  t.false(rebuild(['authorization', 'Bearer a', 'cookie', 'b=c'], ['authorization', 'Bearer a', 'cookie', 'b=d']));
  t.false(rebuild(['authorization', 'Bearer a'], ['authorization', 'Bearer b']));
  t.false(rebuild(['authorization', 'Bearer a', 'x-token', 'b'], ['authorization', 'Bearer ab', 'x-token', '']));
});

test('a refreshed JWT of the same subject counts as the same, beside the same other credentials', (t) => {
  const [first, second, eve] = [
    jwt({ iss: 'i', sub: 'ann', exp: 1 }),
    jwt({ iss: 'i', sub: 'ann', exp: 2 }, 'b3RoZXI'),
    jwt({ iss: 'i', sub: 'eve' }),
  ];
  t.true(rebuild(['authorization', first], ['authorization', second]));
  t.false(rebuild(['authorization', first], ['authorization', eve]));
  t.false(rebuild(['authorization', first], ['authorization', second, 'x-api-key', 'k']));
  t.false(rebuild(['authorization', first], ['authorization', second], 'off'));
});

test('a key in the query says who asks, as one in a header does; over HTTP+SSE its messages go to another URL', (t) => {
  const at = (query: string) => ({ bind: 'principal' as const, path: `/mcp${query}` });
  const credentials = identities.credentialsOf([], at('?key=ann&tools=a'));
  t.regex(credentials ?? '', /^[0-9a-f]{64}$/);
  t.is(identities.credentialsOf([], at('?tools=a')), null);
  const record = { principal: null, hasCredentials: true, credentials };
  const may = (query: string, more = {}, headers: string[] = []): boolean =>
    identities.mayRebuild({ ...record, ...more }, headers, at(query));
  t.true(may('?tools=b&key=ann'));
  for (const query of ['', '?key=bob', '?key=', '?key', '?key=bob&key=ann', '?apikey=ann', '?%6bey=bob'])
    t.false(may(query), query);
  t.false(may('', {}, ['key', 'ann']));
  t.false(may('', {}, ['x-api-key', 'ann']));
  t.true(may('?key=ann', { type: 'sse', credentials: null }));
});

test('several headers of one name count as one, however a proxy joins them', (t) => {
  t.true(rebuild(['cookie', 'a=1', 'cookie', 'b=2'], ['cookie', 'a=1; b=2']));
  t.true(rebuild(['authorization', 'a', 'authorization', 'b'], ['authorization', 'a,b']));
});

test('a record of an earlier version is rebuilt for its principal, or where it had no credentials for a request without any', (t) => {
  const may = (record: { hasCredentials?: boolean; principal: string | null }, headers: string[]): boolean =>
    identities.mayRebuild(record, headers, policy);
  t.true(may({ hasCredentials: true, principal: 'p' }, ['authorization', 'x']));
  t.false(may({ hasCredentials: true, principal: null }, ['authorization', 'x']));
  t.false(may({ principal: null }, []));
  t.true(may({ hasCredentials: false, principal: null }, []));
  t.false(may({ hasCredentials: false, principal: null }, ['authorization', 'x']));
});
