import test from 'ava';
import type { Place } from '../../proto/place.ts';
import { mapDocument } from './map-document.ts';
import { mapHeaders } from './map-headers.ts';
import { mapUrl, type UrlMap } from './map-url.ts';

const GATEWAY = 'https://mcp.example.com';
const named: Place = { host: null, path: '/mcp/fm', base: '/mcp/fm', url: `${GATEWAY}/mcp/fm` };
const below: Place = { host: null, path: '/mcp/fm/mcp', base: '/mcp/fm', url: `${GATEWAY}/mcp/fm/mcp` };
const only: Place = { host: null, path: '/mcp', base: '', url: `${GATEWAY}/mcp` };
const own: Place = { host: 'fm.example.com', path: '/mcp', base: '', url: 'https://fm.example.com/mcp' };

const map = (place: Place, changes: Partial<UrlMap> = {}): UrlMap => ({
  place,
  origin: new URL(place.url ?? GATEWAY).origin,
  places: [named, below, own],
  routes: ['/authorize', '/token', '/ui/*'],
  path: '/mcp',
  replicaHosts: ['10.0.0.1:8000', 'localhost:8000'],
  ...changes,
});

const WELL_KNOWN = '/.well-known/oauth-protected-resource';

for (const [what, place, url, expected] of [
  ['its own path', named, `${GATEWAY}/mcp`, `${GATEWAY}/mcp/fm`],
  ['its own path and a slash', named, `${GATEWAY}/mcp/`, `${GATEWAY}/mcp/fm/`],
  ['its own address', named, 'http://10.0.0.1:8000/mcp', `${GATEWAY}/mcp/fm`],
  ['the scheme of its own listener', named, 'http://mcp.example.com/mcp/fm', `${GATEWAY}/mcp/fm`],
  ['what is public already', named, `${GATEWAY}/mcp/fm`, `${GATEWAY}/mcp/fm`],
  ['another place of the same server', named, `${GATEWAY}/mcp/fm/mcp`, `${GATEWAY}/mcp/fm/mcp`],
  ['a route', named, 'http://localhost:8000/authorize?a=b', `${GATEWAY}/mcp/fm/authorize?a=b`],
  ['a route below', below, `${GATEWAY}/ui/x/y#z`, `${GATEWAY}/mcp/fm/ui/x/y#z`],
  ['a public route', named, `${GATEWAY}/mcp/fm/token`, `${GATEWAY}/mcp/fm/token`],
  ['a path that nobody can reach', named, `${GATEWAY}/admin`, `${GATEWAY}/admin`],
  ['an issuer without a path', named, 'http://10.0.0.1:8000', `${GATEWAY}/mcp/fm`],
  ['an issuer with a slash', named, 'http://10.0.0.1:8000/', `${GATEWAY}/mcp/fm/`],
  ['the public issuer', named, `${GATEWAY}/mcp/fm`, `${GATEWAY}/mcp/fm`],
  ['its document', named, `${GATEWAY}${WELL_KNOWN}/mcp`, `${GATEWAY}${WELL_KNOWN}/mcp/fm`],
  ['its document without a path', named, `http://10.0.0.1:8000${WELL_KNOWN}`, `${GATEWAY}${WELL_KNOWN}/mcp/fm`],
  ['its public document', named, `${GATEWAY}${WELL_KNOWN}/mcp/fm`, `${GATEWAY}${WELL_KNOWN}/mcp/fm`],
  ['an identity provider', named, 'https://id.example.com/mcp', 'https://id.example.com/mcp'],
  ['a client’s redirect', named, 'cursor://x/y?code=1', 'cursor://x/y?code=1'],
  ['an identity provider at another port of the mesh’s host', named, `${GATEWAY}:9000/token`, `${GATEWAY}:9000/token`],
  ['its issuer', named, `${GATEWAY}:9000`, `${GATEWAY}:9000`],
  ['another port of this machine', named, 'http://localhost:5000/token', 'http://localhost:5000/token'],
  ['a server of a host of its own', own, 'http://10.0.0.1:8000/authorize', 'https://fm.example.com/authorize'],
  ['the same, public', own, 'https://fm.example.com/mcp', 'https://fm.example.com/mcp'],
  ['a path alone', named, '/authorize?x=1', '/mcp/fm/authorize?x=1'],
  ['a path of another host', named, '//evil.example/authorize', '//evil.example/authorize'],
  ['a relative path', named, 'authorize', 'authorize'],
  ['no URL', named, 'https://[', 'https://['],
  ['the root of a host of its own', own, 'http://localhost:8000/', 'https://fm.example.com/'],
] as const)
  test(`a replica’s URL, ${what}`, (t) => {
    t.is(mapUrl(url, map(place)), expected);
  });

test('the only server is also at /mcp, where its URLs are right as they are', (t) => {
  const alone = map(only, { places: [named, below, only] });
  for (const url of [`${GATEWAY}/mcp`, `${GATEWAY}/authorize`, `${GATEWAY}/`, GATEWAY, `${GATEWAY}${WELL_KNOWN}/mcp`])
    t.is(mapUrl(url, alone), url);
});

test('an endpoint at the root of its replicas', (t) => {
  const root = map({ ...named, url: `${GATEWAY}/mcp/fm` }, { path: '/', places: [named] });
  t.is(mapUrl('http://10.0.0.1:8000/', root), `${GATEWAY}/mcp/fm`);
  t.is(mapUrl(`http://10.0.0.1:8000${WELL_KNOWN}`, root), `${GATEWAY}${WELL_KNOWN}/mcp/fm`);
});

test('a document’s URLs are mapped at any depth; what is no URL stays', (t) => {
  const document = {
    resource: 'http://10.0.0.1:8000/mcp',
    authorization_servers: ['http://10.0.0.1:8000/', 'https://id.example.com'],
    scopes_supported: ['/mcp', 'mcp:read'],
    nested: { token_endpoint: 'http://10.0.0.1:8000/token', number: 1, nothing: null, flag: true },
  };
  t.deepEqual(JSON.parse(mapDocument(JSON.stringify(document), map(named)) ?? ''), {
    resource: `${GATEWAY}/mcp/fm`,
    authorization_servers: [`${GATEWAY}/mcp/fm/`, 'https://id.example.com'],
    scopes_supported: ['/mcp', 'mcp:read'],
    nested: { token_endpoint: `${GATEWAY}/mcp/fm/token`, number: 1, nothing: null, flag: true },
  });
  for (const text of ['', '[]', '"x"', 'null', '{', '<html>', '['.repeat(600)])
    t.is(mapDocument(text, map(named)), null);
});

test('headers: redirects, challenges, cookies, and the issuer that a redirect names', (t) => {
  const headers = {
    location: '/consent?txn=1',
    'www-authenticate': [
      'Basic realm="x"',
      `Bearer error="invalid_token", resource_metadata="http://10.0.0.1:8000${WELL_KNOWN}/mcp", scope="a b"`,
    ],
    'set-cookie': ['a=1; Path=/ui/x; HttpOnly', 'b=2; Path=/; Secure', 'c=3'],
  };
  mapHeaders(headers, map(named, { routes: ['/consent', '/ui/*'] }));
  t.deepEqual(headers, {
    location: '/mcp/fm/consent?txn=1',
    'www-authenticate': [
      'Basic realm="x"',
      `Bearer error="invalid_token", resource_metadata="${GATEWAY}${WELL_KNOWN}/mcp/fm", scope="a b"`,
    ],
    'set-cookie': ['a=1; Path=/mcp/fm/ui/x; HttpOnly', 'b=2; Path=/mcp/fm/; Secure', 'c=3'],
  });
  const redirect = { location: 'http://localhost:5000/cb?code=a%2Bb&iss=http%3A%2F%2F10.0.0.1%3A8000&state=s' };
  mapHeaders(redirect, map(named));
  const url = new URL(redirect.location);
  t.is(url.searchParams.get('iss'), `${GATEWAY}/mcp/fm`);
  t.is(url.searchParams.get('code'), 'a+b');
  const foreign = { location: 'https://id.example.com/authorize?iss=https%3A%2F%2Fid.example.com&a=%20' };
  mapHeaders(foreign, map(named));
  t.is(foreign.location, 'https://id.example.com/authorize?iss=https%3A%2F%2Fid.example.com&a=%20');
});
