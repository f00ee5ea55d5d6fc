import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { redisUsers } from '../compose/redis-users.ts';
import { hasProgram, testWith } from '../test/test-with.ts';
import { readSettings } from '../../sidecar/settings/read-settings.ts';
import { readFlags } from '../../control-plane/wiring/flags.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const UNITS = readdirSync(FOLDER).filter((name) => /\.(service|timer)$/.test(name));
const argumentsOf = (unit: string): string[] =>
  /^ExecStart=(.*)$/m
    .exec(readFileSync(new URL(unit, import.meta.url), 'utf8'))![1]!
    .replace(/^\S+ (--\S+ )*\S+ /, '')
    .split(' ')
    .map((each) =>
      each.replace('${HA_NODE_ID}', 'gateway-1').replace('${HOLDFAST_XDS}', '10.0.0.1:18000,10.0.0.2:18000'),
    );

test('the units’ command lines are understood by the programs that they start', (t) => {
  const sidecar = readSettings(argumentsOf('holdfast-sidecar.service'), {}, () => '{}');
  t.is(sidecar.kind, 'ok', JSON.stringify(sidecar));
  t.is(readFlags(argumentsOf('holdfast-control-plane.service')).kind, 'ok');
});

test('the example of an environment has Redis over TLS, with a user of compose/redis-users.ts and a password', (t) => {
  const text = readFileSync(new URL('environment.example', import.meta.url), 'utf8');
  const url = new URL(/^SESSION_STORE_URL=(.*)$/m.exec(text)?.[1] ?? '');
  t.is(url.protocol, 'rediss:');
  t.is(url.password, 'PASSWORD');
  const users = redisUsers({ gateway: 'g', controlPlane: 'c', replica: null, admin: null });
  t.true(users.includes(`\nuser ${url.username} on #g `));
  t.regex(text, /^NODE_EXTRA_CA_CERTS=\/etc\/holdfast\/certs\/ca\.crt$/m);
});

test('every program that speaks off this machine gets certificates, and the guide says how they are made', (t) => {
  for (const unit of ['holdfast-sidecar.service', 'holdfast-envoy.service', 'holdfast-edge.service'])
    t.regex(readFileSync(new URL(unit, import.meta.url), 'utf8'), /--certs \/etc\/holdfast\/certs(\n|$)/, unit);
  const guide = readFileSync(new URL('../README.md', import.meta.url), 'utf8').split('## Virtual machines')[1] ?? '';
  t.regex(guide, /^holdfast certs init control-plane=\S+ gateway-1=\S+ .*edge-1 redis=\S+ --dir certs$/m);
  t.regex(guide, /^node \S+ deploy\/kubernetes\/write-redis-secrets\.ts redis --tls --at 10\.0\.0\.31:6379$/m);
});

test('no unit runs as root, and each may write to its own folders alone', (t) => {
  for (const unit of UNITS.filter((name) => name.endsWith('.service'))) {
    const text = readFileSync(new URL(unit, import.meta.url), 'utf8');
    for (const line of ['User=holdfast', 'NoNewPrivileges=yes', 'ProtectSystem=strict', 'ProtectHome=yes'])
      t.true(text.includes(`\n${line}\n`), `${unit}: ${line}`);
  }
});

testWith(
  'systemd-analyze',
  hasProgram('systemd-analyze', '--version'),
  'systemd knows every setting in them',
  async (t) => {
    const found = await promisify(execFile)('systemd-analyze', [
      'verify',
      '--man=no',
      ...UNITS.map((name) => `${FOLDER}${name}`),
    ]).then(
      ({ stderr }) => stderr,
      (error: { stderr?: string }) => error.stderr ?? '',
    );
    // Programs under /opt/holdfast are not on this machine.
    t.deepEqual(
      found.split('\n').filter((line) => /Unknown (key|section|lvalue)|Failed to parse|Invalid/.test(line)),
      [],
    );
  },
);
