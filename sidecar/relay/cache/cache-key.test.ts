import test from 'ava';
import { readRpcBody } from '../../../proto/json-rpc.ts';
import { cacheKey } from './cache-key.ts';

const VERSION = '2026-07-28';
const META = { 'io.modelcontextprotocol/protocolVersion': VERSION };
const OWN = { 'mcp-method': 'tools/list', 'mcp-protocol-version': VERSION };
const claimsOf = (claims: object): string => Buffer.from(JSON.stringify(claims)).toString('base64url');
const ALICE = { iss: 'issuer', sub: 'alice', aud: 'here', scope: 'read', exp: 10, iat: 1, jti: 'a' };
const TOKEN = ['authorization', 'Bearer a.b.c'];

interface Asked {
  params?: Record<string, unknown>;
  body?: string;
  path?: string;
  more?: string[];
  /** Undefined: the server has no `jwt`. */
  claims?: object | null;
}

function keyOf({ params = {}, body, path = '/mcp', more = [], claims }: Asked = {}): string | null {
  const bytes = Buffer.from(
    body ?? JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: META, ...params } }),
  );
  const rpc = readRpcBody(bytes);
  if (rpc.kind !== 'single') throw new Error('the test sends a single message');
  return cacheKey(rpc.message, bytes, OWN, {
    path,
    sent: [...Object.entries(OWN).flat(), ...more],
    claims: claims ? claimsOf(claims) : null,
    isVerified: claims !== undefined,
  });
}
const HOST = ['host', 'mcp.example.com'];
const plain = keyOf({ more: HOST });

test('requests that differ only in what is each client’s own have one key', (t) => {
  t.is(typeof plain, 'string');
  for (const asked of [
    { more: [...HOST, 'user-agent', 'x', 'traceparent', '00-1', 'x-forwarded-for', '10.0.0.1', 'x-request-id', '1'] },
    {
      more: HOST,
      params: { _meta: { ...META, progressToken: 7, 'io.modelcontextprotocol/clientInfo': { name: 'x' } } },
    },
    { more: HOST, body: `{"id":"2","params":{"_meta":${JSON.stringify(META)}},"method":"tools/list","jsonrpc":"2.0"}` },
  ])
    t.is(keyOf(asked), plain, JSON.stringify(asked));
});

test('what the answer may depend on is in the key', (t) => {
  const others: Asked[] = [
    { more: HOST, path: '/mcp?tenant=evil' },
    { more: HOST, path: '/mcp?a=%3Ftenant%3Devil' },
    { more: HOST, path: '/mcp?' },
    { more: HOST, path: '/mcp/other' },
    { more: HOST, path: '/MCP' },
    { more: ['host', 'evil.example'] },
    { more: [] },
    { more: [...HOST, ...HOST] },
    { more: [...HOST, 'x-forwarded-host', 'evil.example'] },
    { more: [...HOST, 'x-tenant', 'evil'] },
    { more: [...HOST, 'x-tenant', 'evil', 'x-tenant', 'good'] },
    { more: [...HOST, 'x-tenant', 'good', 'x-tenant', 'evil'] },
    { more: [...HOST, 'origin', 'https://evil.example'] },
    { more: [...HOST, 'accept-language', 'de'] },
    { more: HOST, params: { cursor: '2' } },
    { more: HOST, params: { Cursor: '2' } },
    { more: HOST, params: { _meta: { ...META, tenant: 'evil' } } },
    {
      more: HOST,
      body: `{"jsonrpc":"2.0","id":1,"method":"tools/list","x":1,"params":{"_meta":${JSON.stringify(META)}}}`,
    },
  ];
  const keys = others.map(keyOf);
  t.false(keys.includes(null));
  t.is(new Set([plain, ...keys]).size, others.length + 1);
});

test('members of one name have no key, since replicas may read the other one', (t) => {
  const meta = JSON.stringify(META);
  for (const params of [
    `"params":{"_meta":${meta},"cursor":"a","cursor":"b"}`,
    `"params":{"_meta":${meta},"cursor":"a","Cursor":"b"}`,
    `"params":{"cursor":"a"},"params":{"_meta":${meta}}`,
    `"params":{"_meta":${meta}},"Params":{"cursor":"a"}`,
    `"params":{"_meta":${meta},"a":{"b":{"c":1,"c":2}}}`,
  ])
    t.is(keyOf({ body: `{"jsonrpc":"2.0","id":1,"method":"tools/list",${params}}` }), null, params);
  t.is(keyOf({ params: { cursor: 'x'.repeat(20_000) } }), null);
});

const CREDENTIALS = [
  ['authorization', 'Bearer garbage'],
  ['authorization', 'bearer garbage'],
  ['authorization', 'BEARER  x'],
  ['authorization', 'Basic eHg6eA=='],
  ['authorization', ''],
  ['x-api-key', 'k'],
  ['apikey', 'k'],
  ['cookie', 'session=1'],
  ['x-auth-token', 't'],
  ['x-goog-iap-jwt-assertion', 't'],
  ['proxy-authorization', 'Basic eHg6eA=='],
];

test('credentials that nobody verified have no key', (t) => {
  for (const more of CREDENTIALS) {
    t.is(keyOf({ more }), null, more.join(': '));
    t.is(keyOf({ more, claims: null }), null, `${more.join(': ')} where a token must be verified`);
    if (more[0] !== 'authorization') t.is(keyOf({ more: [...TOKEN, ...more], claims: ALICE }), null, more.join(': '));
  }
  for (const name of ['access_token', 'ACCESS_TOKEN', 'api_key', 'apikey', 'token', 'client%5Fsecret'])
    t.is(keyOf({ path: `/mcp?a=1&${name}=x` }), null, name);
  t.is(keyOf({ claims: null }), null, 'no token where one must be verified');
});

test('claims count only where Envoy verifies, beside one bearer token', (t) => {
  const key = keyOf({ more: TOKEN, claims: ALICE });
  t.is(typeof key, 'string');
  t.not(key, keyOf());
  t.is(keyOf({ claims: ALICE }), null);
  t.is(keyOf({ more: [...TOKEN, ...TOKEN], claims: ALICE }), null);
  t.is(keyOf({ more: ['authorization', 'Basic x'], claims: ALICE }), null);
  t.is(keyOf({ more: TOKEN, claims: { ...ALICE, sub: undefined } }), null);
});

test('verified tokens of the same rights are one class, others are not', (t) => {
  const key = keyOf({ more: TOKEN, claims: ALICE });
  t.is(keyOf({ more: ['authorization', 'Bearer d.e.f'], claims: { ...ALICE, exp: 20, iat: 2, jti: 'b' } }), key);
  t.is(keyOf({ more: TOKEN, claims: { ...ALICE, sub: 'bob' } }), key);
  const rights = [
    { iss: 'other' },
    { aud: 'there' },
    { scope: 'read write' },
    { roles: ['admin'] },
    { tenant: 'evil' },
  ];
  const keys = rights.map((more) => keyOf({ more: TOKEN, claims: { ...ALICE, ...more } }));
  t.false(keys.includes(null));
  t.is(new Set([key, ...keys]).size, rights.length + 1);
});
