import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { ensureEnvoy } from '../../deploy/setup/binaries.ts';
import { wantedByResource } from '../cluster-servers/mcp-server.ts';
import { serverProblems } from '../config/semantic.ts';
import { buildTopology } from '../topology/build-topology.ts';
import { envoyAddress } from './address.ts';
import { gatewayResources } from './resources-for.ts';
import { configOf, inputsOf } from './testing/golden-cases.ts';
import { staticConfig } from './testing/static-config.ts';

const base = configOf('servers: [{name: aa, backends: [{name: stable, replicas: ["10.0.0.1:3000"]}]}]');
const NODE = {
  id: 'gateway-1',
  role: 'gateway',
  listen: '127.0.0.1:37373',
  extProc: ['unix:/run/holdfast/sidecar.sock'],
  relay: ['127.0.0.1:7900'],
} as const;

const long = (length: number): string => 'a'.repeat(length);
const PATHS = [
  '/%REQ(x)%',
  '/\\1\\0',
  '/a?b=c#d',
  '/../x',
  '//',
  '/*',
  '/{x}',
  '/é',
  '/%',
  '/%zz',
  '/%00',
  '/"',
  '/;',
  `/${long(9000)}`,
];
const HOSTS = ['a:99999', '[::1', 'a/b', '*', 'a,b', 'é.example', long(255), 'a:', '@', '::', 'a?b', '{x}', '"'];
const ORIGINS = [
  '*',
  'null',
  'https://*.',
  'https://*.a',
  'https://a:0',
  'https://a:99999',
  'https://[::1]:1',
  'https://(a+)+$',
  'HTTPS://A.EXAMPLE',
  'https://xn--0',
  'a+b-c.d://x',
  'https://a_b',
  'chrome-extension://abc',
];
const HEADERS = [
  '',
  '-',
  'x-holdfast-host',
  ':path',
  'content-length',
  'transfer-encoding',
  long(128),
  long(5000),
  'X-Y',
];
const NUMBERS = [0, 1, 50, 999, 100_000, 86_400_000, 4_294_967_296, -1, 1.5, 2 ** 53];
const TIMEOUTS = ['callMs', 'connectMs', 'initializeMs', 'recoveryMs', 'keepAliveMs'];
const BREAKERS = ['openMs', 'minClients', 'windowMs', 'maxOpenMs'];
const many = (count: number, of: (index: number) => string): string[] =>
  Array.from({ length: count }, (_, at) => of(at));

const SETTINGS: object[] = [
  ...PATHS.map((path) => ({ path })),
  ...HOSTS.flatMap((host) => [{ hostOverride: host }, { originOverride: host }]),
  ...ORIGINS.flatMap((origin) => [{ allowedOrigins: [origin] }, { allowedOrigins: [origin], cors: {} }]),
  ...HEADERS.flatMap((header) => [
    { cors: { allowHeaders: [header], exposeHeaders: [header] }, allowedOrigins: ['*'] },
    { affinity: { handles: [{ header }] } },
  ]),
  ...NUMBERS.flatMap((number) => [
    { rateLimit: { session: { requests: number } } },
    { rateLimit: { client: { requests: 1, perMs: number, burst: number }, maxTracked: number } },
    { sessionTtlSeconds: number },
    { retryBudget: { percent: number, floor: number } },
    ...TIMEOUTS.map((key) => ({ timeouts: { [key]: number }, guard: 'off' })),
    ...BREAKERS.map((key) => ({ replicaBreaker: { [key]: number } })),
  ]),
  { allowedOrigins: many(2000, (at) => `https://*.o${at}.example`) },
  { allowedOrigins: ['*'], cors: { exposeHeaders: many(20_000, (at) => `x-${at}`) } },
  { allowedOrigins: ['*'], cors: { exposeHeaders: many(64, (at) => `${long(120)}-${at}`) } },
];

test('Envoy takes whatever settings of an owner of a namespace the control plane takes: it refuses all routes for one', async (t) => {
  const servers = SETTINGS.flatMap((settings, at) => {
    const metadata = { name: `s${at}`, namespace: 'team' };
    const { config } = wantedByResource({ metadata, spec: { backends: [{ service: 's' }], settings } });
    return config && serverProblems(config, base).length === 0 ? [config] : [];
  });
  t.true(servers.length > SETTINGS.length / 3, `${servers.length} of ${SETTINGS.length} are taken`);
  const [first] = base.servers;
  const config = { ...base, servers: servers.map((each) => ({ ...each, backends: first?.backends ?? [] })) };
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-owned-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'envoy.json');
  const resources = gatewayResources(buildTopology(inputsOf(config)), NODE);
  await writeFile(file, JSON.stringify(staticConfig(resources, envoyAddress('127.0.0.1:0'))));
  const args = ['--mode', 'validate', '-c', file, '--disable-hot-restart', '-l', 'error'];
  const { stdout } = await promisify(execFile)(await ensureEnvoy(), args);
  t.regex(stdout, /OK/);
});
