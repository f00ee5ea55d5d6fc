import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { TestIssuer } from '../../deploy/test/mesh/test-issuer.ts';
import { configOf, inputsOf } from '../resources/testing/golden-cases.ts';
import { StubReplica } from '../resources/testing/stub-replica.ts';
import { buildTopology } from '../topology/build-topology.ts';
import { replicaKey } from '../topology/inputs.ts';
import { explain, type ExplainedRequest } from './explain.ts';
import { loggingGateway } from './testing/logging-gateway.ts';

const issuer = new TestIssuer('k', { iss: 'https://id.test', aud: 'http://localhost/mcp/tokens', sub: 'ann' });
const REPLICAS = ['well', 'draining', 'sick'];

/** Settings of servers that differ in what decides the way of a request. Each has a replica that is well, one that drains and one that is unhealthy. */
const SERVERS: Record<string, string> = {
  both: '',
  unguarded: 'guard: off',
  calls: 'guard: calls',
  streams: 'guard: streams',
  timed: 'guard: off, timeouts: {callMs: 60000}',
  unbound: 'guard: off, bind: off',
  broken: 'guard: off',
  'broken-streams': 'guard: streams',
  free: 'guard: off, affinity: {calls: free}',
  cached: 'sharedCache: true',
  rules: 'authorization: {rules: [{name: all, effect: allow, tools: ["*"]}]}',
  limits: 'fleetLimits: [{name: all, requests: 1000000}]',
  tokens: 'jwt: {issuer: "https://id.test", jwksFile: "KEYS"}',
  picky: 'allowedOrigins: ["https://good.test"], allowedHosts: [good.test]',
  login: 'hosts: [login.test], routes: [oauth, "/ui/*"]',
  small: 'maxBodyBytes: 2000',
};
const SLOTS = Object.fromEntries(
  Object.keys(SERVERS).map((name, index) => [name, REPLICAS.map((_, at) => `${(index + 10).toString(36)}${at}`)]),
);

const TOKEN = { authorization: `Bearer ${issuer.token()}` };
const HOST = { host: 'good.test' };
const SHORT = { 'content-length': '2' };
const ERAS: Record<string, string>[] = [
  {},
  { 'mcp-protocol-version': '2025-11-25', 'mcp-method': 'tools/list' },
  { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/list' },
  { 'mcp-protocol-version': '2027-01-01', 'mcp-method': 'tools/call' },
];
const METHODS = ['POST', 'GET', 'DELETE'];

/** Every method with every era, kind of session and token. */
function crossed(server: string): ExplainedRequest[] {
  const [well = '', draining = '', sick = ''] = SLOTS[server] ?? [];
  const sessions = [undefined, `${well}~x`, `${draining}~x`, `${sick}~x`, 'z9~x', `${well}p~x`, 'none', `${well}x~x`];
  return METHODS.flatMap((method) =>
    ERAS.flatMap((era) =>
      sessions.flatMap((id) =>
        [{}, TOKEN].map((token) => ({
          method,
          path: `/mcp/${server}`,
          headers: {
            ...HOST,
            ...(method === 'POST' && SHORT),
            ...era,
            ...(id !== undefined && { 'mcp-session-id': id }),
            ...token,
          },
        })),
      ),
    ),
  );
}

/** Requests that differ from the usual ones in one thing. */
function special(server: string): ExplainedRequest[] {
  const id = { 'mcp-session-id': `${SLOTS[server]?.[0]}~x` },
    path = `/mcp/${server}`;
  const ask = (headers: Record<string, string>, method = 'POST', at = path): ExplainedRequest => ({
    method,
    path: at,
    headers: { ...HOST, ...(method === 'POST' && !('transfer-encoding' in headers) && SHORT), ...headers },
  });
  return [
    ...['OPTIONS', 'PUT', 'HEAD', 'PATCH'].flatMap((method) => [ask({}, method), ask(id, method)]),
    ...['subscriptions/listen', 'ping', 'resources/read', 'server/discover'].map((method) =>
      ask({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': method }),
    ),
    ...['zzz', '2026-07-27', '2026-10-01x', '9999-12-31', ''].map((version) =>
      ask({ 'mcp-protocol-version': version, 'mcp-method': 'tools/list' }),
    ),
    ask({ 'mcp-protocol-version': '2026-07-28' }),
    ...['999', '1000', '9999', '10000'].flatMap((length) => [
      ask({ 'content-length': length }),
      ask({ 'content-length': length, ...id }),
    ]),
    ask({ 'transfer-encoding': 'chunked' }),
    ask({ 'transfer-encoding': 'chunked', ...id }),
    ...['GET', 'POST'].map((method) => ask({ connection: 'upgrade', upgrade: 'WebSocket' }, method)),
    ...['holdfast-session=1', 'a=b&holdfast-session', 'xholdfast-session=1', 'holdfast-sessions=1', ''].map((query) =>
      ask({}, 'POST', `${path}?${query}`),
    ),
    ...['access_token=1', 'a=1&%61ccess_token=2', 'not_access_token=1'].map((query) =>
      ask(id, 'POST', `${path}?${query}`),
    ),
    ...['https://good.test', 'HTTPS://Good.Test:443', 'https://evil.test', 'http://localhost:1', 'null'].flatMap(
      (origin) =>
        ['good.test', 'GOOD.test:8080', 'localhost', 'evil.test', 'login.test'].map((host) =>
          ask({ ...id, origin, host }),
        ),
    ),
    ...['good.test', 'localhost', 'evil.test'].map((host) => ask({ host })),
    ...['/', '/more', 'x', '//', '/../unguarded', '/%2e%2e/unguarded'].flatMap((tail) => [
      ask({}, 'POST', `${path}${tail}`),
      ...METHODS.map((method) => ask(id, method, `${path}${tail}`)),
    ]),
    ...['', '/token', '/ui', '/ui/a/b', '/uix'].flatMap((tail) => [
      ask({}, 'GET', `${path}${tail}`),
      ask({ host: 'login.test' }, 'GET', tail || '/'),
    ]),
    ...['GET', 'POST', 'OPTIONS', 'HEAD'].map((method) =>
      ask({}, method, `/.well-known/oauth-protected-resource${path}`),
    ),
    ask({}, 'GET', `/.well-known/oauth-authorization-server${path}`),
    ask({ host: 'login.test' }, 'POST', '/mcp'),
  ];
}

const ELSEWHERE: ExplainedRequest[] = [
  '/health',
  '/health/x',
  '/healthy',
  '/',
  '/mcp',
  '/mcp/',
  '/nowhere?x=/mcp/free',
  '/mcp/unguarded#x',
  '/mcp/unguarded?a=b#x',
  '/health#x',
].map((path) => ({ method: 'GET', path, headers: HOST }));

test('explain says what Envoy’s access log says, for every kind of request', async (t) => {
  t.timeout(120_000);
  const stubs = [...REPLICAS, 'relay'].map((name) => new StubReplica(name));
  t.teardown(() => Promise.all(stubs.map((each) => each.stop())));
  const addresses = await Promise.all(stubs.map((each) => each.start()));
  const relay = addresses.pop() ?? '';
  const keys = join(await mkdtemp(join(tmpdir(), 'holdfast-keys-')), 'keys.json');
  t.teardown(() => rm(dirname(keys), { recursive: true }));
  await writeFile(keys, issuer.jwks);
  const config = configOf(
    `publicUrl: "http://localhost"\nservers:\n${Object.entries(SERVERS)
      .map(([name, settings]) => {
        const replicas = addresses.map((address, at) => `{name: ${REPLICAS[at]}, address: "${address}"}`);
        const own = settings.replace('KEYS', keys);
        return `  - {name: ${name}, ${own === '' ? '' : `${own}, `}backends: [{name: main, replicas: [${replicas.join(', ')}]}]}\n`;
      })
      .join('')}`,
  );
  const names = Object.keys(SERVERS);
  const topology = buildTopology(
    inputsOf(config, {
      lostSlots: new Map(names.map((name) => [name, ['z9']])),
      slots: new Map(
        names.flatMap((name) =>
          addresses.map((address, at) => [replicaKey(name, address), SLOTS[name]?.[at] ?? ''] as const),
        ),
      ),
      health: new Map(names.map((name) => [replicaKey(name, addresses[2] ?? ''), 'unhealthy'] as const)),
      drains: names.map((server) => ({ server, replica: 'draining' })),
      openBreakers: ['broken', 'broken-streams'].map((server) => ({ server, slot: null, tool: 'pay' })),
    }),
  );
  const requests = [...names.flatMap((name) => [...crossed(name), ...special(name)]), ...ELSEWHERE];
  const logged = await (await loggingGateway(t, topology, relay))(requests);

  const seen = new Set<string>(),
    wrong: string[] = [];
  for (const [index, request] of requests.entries()) {
    const told = explain(request, topology, 'unknown'),
      was = logged[index],
      kind = told.route.split('/')[1] ?? told.route;
    seen.add(kind);
    const host = kind === 'steady' ? told.address : ['guarded', 'relay', 'sse'].includes(kind) ? relay : was?.host;
    // What a filter answers itself, because a token is missing, has no host.
    const isSame = told.route === (was?.route ?? 'no-route') && (was?.status === 401 || host === was?.host);
    if (!isSame) wrong.push(JSON.stringify({ request, told: [told.route, host], was }));
  }
  t.deepEqual(wrong.slice(0, 20), [], `${wrong.length} of ${requests.length} differ`);
  t.deepEqual(
    [...seen].sort(),
    ['decide', 'document', 'guarded', 'health', 'modern', 'no-route', 'refused', 'relay', 'sse', 'steady', 'upgrade'],
    'every kind of route is among them',
  );
});
