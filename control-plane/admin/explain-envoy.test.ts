import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { request } from 'undici';
import { freePort } from '../../deploy/test/mesh/free-port.ts';
import { startEnvoy } from '../../deploy/test/mesh/start-envoy.ts';
import { parseConfig } from '../config/parse-config.ts';
import { gatewayResources } from '../resources/resources-for.ts';
import { staticConfig } from '../resources/static-config.ts';
import { StubReplica } from '../resources/testing/stub-replica.ts';
import { buildTopology } from '../topology/build-topology.ts';
import { replicaKey } from '../topology/inputs.ts';
import { explain } from './explain.ts';

interface Situation {
  title: string;
  method?: string;
  path: string;
  headers?: Record<string, string>;
}

const id = (text: string) => ({ 'mcp-session-id': text });
const modern = (method: string) => ({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': method });
const SITUATIONS: Situation[] = [
  { title: 'a session begins', path: '/mcp/held' },
  { title: 'a session of a steady slot, guarded', path: '/mcp/held', headers: id('a~x') },
  { title: 'its GET stream', path: '/mcp/held', method: 'GET', headers: id('a~x') },
  { title: 'its DELETE', path: '/mcp/held', method: 'DELETE', headers: id('a~x') },
  { title: 'a session of a draining replica', path: '/mcp/held', headers: id('b~x') },
  { title: 'a session of an unhealthy replica', path: '/mcp/held', headers: id('c~x') },
  { title: 'a session of an incarnation that is over', path: '/mcp/held', headers: id('z~x') },
  { title: 'a session bound to a principal', path: '/mcp/held', headers: id('ap~x') },
  { title: 'an id that is none', path: '/mcp/held', headers: id('what') },
  { title: 'a session of a steady slot, unguarded', path: '/mcp/free', headers: id('d~x') },
  { title: 'the same with a token', path: '/mcp/free', headers: { ...id('d~x'), authorization: 'Bearer x' } },
  { title: 'its DELETE, which passes the relay all the same', path: '/mcp/free', method: 'DELETE', headers: id('d~x') },
  { title: 'a session of a breaker that is open, unguarded', path: '/mcp/free', headers: id('e~x') },
  { title: 'HTTP+SSE begins', path: '/mcp/held', method: 'GET' },
  { title: 'a message of HTTP+SSE', path: '/mcp/held?sessionId=1' },
  { title: 'a modern request that anyone answers', path: '/mcp/held', headers: modern('tools/list') },
  { title: 'a modern request that may belong to somebody', path: '/mcp/held', headers: modern('tools/call') },
  { title: 'a foreign Origin', path: '/mcp/picky', headers: { origin: 'https://evil.test' } },
  { title: 'an allowed Origin', path: '/mcp/picky', headers: { origin: 'https://good.test' } },
  { title: 'below a server’s path', path: '/mcp/held/more', headers: id('a~x') },
  { title: 'a name that only begins like a server’s', path: '/mcp/heldx' },
  { title: 'an OAuth document', path: '/.well-known/oauth-protected-resource/mcp/held', method: 'GET' },
  { title: 'the gateway’s health', path: '/health', method: 'GET' },
];

/** The route names and hosts that Envoy writes into its access log, one line of JSON per request, in `file`. */
const accessLog = (file: string): object => ({
  name: 'file',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
    path: file,
    log_format: { json_format: { route: '%ROUTE_NAME%', host: '%UPSTREAM_HOST%', number: '%REQ(x-test-number)%' } },
  },
});

/** Puts a further access log beside those that the listener has. */
function withAccessLog(value: unknown, log: object): void {
  if (typeof value !== 'object' || value === null) return;
  if ('access_log' in value && Array.isArray(value.access_log)) value.access_log.push(log);
  else
    Object.values(value).forEach((each) => {
      withAccessLog(each, log);
    });
}

test('explain says what Envoy’s access log says, in each situation', async (t) => {
  t.timeout(120_000);
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-explain-'));
  const stubs = ['held-1', 'held-2', 'held-3', 'free-1', 'free-2', 'picky-1', 'relay'].map(
    (name) => new StubReplica(name),
  );
  t.teardown(async () => {
    await Promise.all(stubs.map((each) => each.stop()));
    await rm(folder, { recursive: true, force: true });
  });
  const addresses = await Promise.all(stubs.map((each) => each.start()));
  const relay = addresses.pop()!;
  const names = stubs
    .slice(0, 6)
    .map((_, index) => ['held-1', 'held-2', 'held-3', 'free-1', 'free-2', 'picky-1'][index]!);
  const listed = (server: string) =>
    names.flatMap((name, index) => (name.startsWith(server) ? [{ name, address: addresses[index]! }] : []));
  const parsed = parseConfig(
    JSON.stringify({
      servers: [
        { name: 'held', backends: [{ name: 'main', replicas: listed('held') }] },
        { name: 'free', guard: 'off', backends: [{ name: 'main', replicas: listed('free') }] },
        {
          name: 'picky',
          allowedOrigins: ['https://good.test'],
          backends: [{ name: 'main', replicas: listed('picky') }],
        },
      ],
    }),
    {},
  );
  if (parsed.kind === 'bad') throw new Error(JSON.stringify(parsed.problems));
  const topology = buildTopology({
    config: parsed.config,
    weights: new Map(),
    gateways: [],
    lostSlots: new Map([['held', ['z']]]),
    replicas: names.map((name, index) => ({
      server: name.split('-')[0]!,
      backend: 'main',
      name,
      address: addresses[index]!,
      isTerminating: false,
    })),
    slots: new Map(names.map((name, index) => [replicaKey(name.split('-')[0]!, addresses[index]!), 'abcdef'[index]!])),
    health: new Map([[replicaKey('held', addresses[2]!), 'unhealthy']]),
    drains: [{ server: 'held', replica: 'held-2' }],
    openBreakers: [{ server: 'free', slot: 'e', tool: null }],
  });
  const listen = `127.0.0.1:${await freePort()}`,
    log = join(folder, 'access.log');
  const config = staticConfig(
    gatewayResources(topology, {
      id: 'gateway-1',
      role: 'gateway',
      listen,
      extProc: [`127.0.0.1:${await freePort()}`],
      relay: [relay],
    }),
    {},
  ) as Record<string, unknown>;
  withAccessLog(config, accessLog(log));
  const envoy = await startEnvoy({ config, logLevel: 'error' });
  t.teardown(() => envoy.close());

  for (const [number, { method = 'POST', path, headers = {} }] of SITUATIONS.entries()) {
    const { body } = await request(`http://${listen}${path}`, {
      method: method as 'POST',
      headers: { 'content-type': 'application/json', ...headers, 'x-test-number': String(number) },
      body: method === 'POST' ? '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' : null,
    });
    await body.dump();
  }
  let lines: string[] = [];
  for (
    const limit = AbortSignal.timeout(60_000);
    lines.length < SITUATIONS.length;
    await sleep(50, undefined, { signal: limit })
  )
    lines = (await readFile(log, 'utf8').catch(() => '')).split('\n').slice(0, -1);

  const logged = new Map(
    lines.map((line) => {
      const each = JSON.parse(line) as { route: string; host: string | null; number: string };
      return [Number(each.number), each];
    }),
  );
  for (const [number, { title, method = 'POST', path, headers = {} }] of SITUATIONS.entries()) {
    const told = explain({ method, path, headers }, topology, 'unknown'),
      was = logged.get(number)!;
    t.is(told.route, was.route ?? 'no-route', title);
    const kind = told.route.split('/')[1];
    if (kind === 'steady') t.is(told.address, was.host, title);
    if (kind === 'guarded' || kind === 'relay' || kind === 'sse') t.is(was.host, relay, title);
  }
});
