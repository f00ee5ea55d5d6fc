import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { ensureEnvoy } from '../../deploy/setup/binaries.ts';
import { wantedByResource } from '../cluster-servers/mcp-server.ts';
import { buildTopology } from '../topology/build-topology.ts';
import { replicaKey } from '../topology/inputs.ts';
import { envoyAddress } from './address.ts';
import { gatewayResources } from './resources-for.ts';
import { configOf, goldenCases, inputsOf } from './testing/golden-cases.ts';
import { staticConfig } from './testing/static-config.ts';

const asked = (settings: object) =>
  wantedByResource({ metadata: { name: 'x', namespace: 'n' }, spec: { backends: [{ service: 's' }], settings } });

test('what Envoy would refuse with the routes of all servers, the owner of one may not set', (t) => {
  for (const settings of [
    { originOverride: 'https://a%REQ(x' },
    { originOverride: 'a\nb: c' },
    { originOverride: '\0' },
    { hostOverride: 'a\r\nx: y' },
    { hostOverride: '' },
    { hostOverride: 'a'.repeat(256) },
    { path: '/a\nb' },
    { path: '/\0' },
    { path: '/a b' },
    { path: 'a' },
    { rateLimit: { session: { requests: 1, perMs: 1 } } },
    { rateLimit: { client: { requests: 1, perMs: 49 } } },
  ])
    t.regex(asked(settings).problem ?? '', /^spec\.settings\./, JSON.stringify(settings));
});

/** The shortest, the longest and the oddest that an owner may set. */
const EXTREMES: readonly object[] = [
  { path: '/%zz?a=b#c', originOverride: 'none', hostOverride: '[::1]:1' },
  { path: '/\u00e4', originOverride: 'x', hostOverride: 'a'.repeat(255) },
  { rateLimit: { session: { requests: 1, perMs: 50 }, client: { requests: 1_000_000, perMs: 86_400_000 } } },
  { timeouts: { callMs: 86_400_000 }, allowedOrigins: ['null', 'https://*.a.example:65535'] },
  { allowedOrigins: Array.from({ length: 1000 }, (_, at) => `https://host-${at}.example`), cors: {} },
];

test('Envoy takes the rest, also at its extremes', async (t) => {
  for (const settings of EXTREMES) t.is(asked(settings).problem, null, JSON.stringify(settings));
  const servers = EXTREMES.map((settings, at) => ({
    ...settings,
    ...{ name: `s${at}`, backends: [{ name: 'stable', replicas: ['127.0.0.1:9'] }] },
  }));
  const slots = new Map(servers.map(({ name }, at) => [replicaKey(name, '127.0.0.1:9'), `a${at}`]));
  const snapshot = buildTopology(inputsOf(configOf(JSON.stringify({ servers })), { slots }));
  const node = goldenCases().find((each) => each.node.role === 'gateway')?.node;
  if (!node) throw new Error('no golden case is a gateway');
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-extremes-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'envoy.json');
  await writeFile(file, JSON.stringify(staticConfig(gatewayResources(snapshot, node), envoyAddress('127.0.0.1:0'))));
  const args = ['--mode', 'validate', '-c', file, '--disable-hot-restart', '-l', 'error'];
  const { stdout } = await promisify(execFile)(await ensureEnvoy(), args);
  t.regex(stdout, /OK/);
});
