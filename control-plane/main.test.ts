import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { renewCertificates } from './certs/certificate-folder.ts';
import { waitFor } from '../deploy/test/mesh/wait-for.ts';

const MAIN = join(import.meta.dirname, 'main.ts');
const CONFIG = `sessionStore: {type: memory}
servers: [{name: linear, probe: {type: "off"}, backends: [{name: stable, replicas: ["127.0.0.1:9", "127.0.0.2:9"]}]}]
`;

async function folder(t: ExecutionContext, config = CONFIG): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-cp-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  await writeFile(join(path, 'holdfast.yaml'), config);
  return path;
}

/** Runs the program; `stop` sends SIGTERM. */
function run(t: ExecutionContext, args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '',
    stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const exited = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const lines = () =>
    stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { msg: string; admin?: number; problems?: string[] });
  const said = (msg: string) =>
    waitFor(() => lines().find((line) => line.msg === msg), { what: msg, timeoutMs: 60_000 });
  return {
    exited,
    said,
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

const get = async (port: number, path: string): Promise<{ status: number; body: any }> => {
  const response = await fetch(`http://127.0.0.1:${port}${path}`);
  const text = await response.text();
  return { status: response.status, body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text };
};

test.serial('a bad configuration ends it with 64, and every problem is said', async (t) => {
  const path = await folder(t, 'sessionStor: {}\nport: x\nservers: []\n');
  const { code, stderr } = await run(t, ['--config', join(path, 'holdfast.yaml')], { HA_MODE: 'clustr' }).exited;
  t.is(code, 64);
  for (const part of [
    'holdfast.yaml:1:1: sessionStor',
    'Did you mean sessionStore?',
    'holdfast.yaml:2:1: port',
    'holdfast.yaml:3:1: servers',
    'environment: HA_MODE',
    '4 problems',
  ])
    t.true(stderr.includes(part), part);
});

for (const [description, args, part] of [
  ['no configuration', [], '--config is missing'],
  ['an unknown flag', ['--config', 'x', '--nonsense'], '--nonsense'],
  ['a bad address', ['--config', 'x', '--xds', 'nowhere'], '--xds'],
  ['a missing file', ['--config', 'no-such-file.yaml'], 'no-such-file.yaml'],
] as const) {
  test.serial(`bad command line: ${description}: 64`, async (t) => {
    const { code, stderr } = await run(t, args).exited;
    t.is(code, 64);
    t.true(stderr.includes(part), stderr);
  });
}

test.serial('an admin API off loopback without a token is refused', async (t) => {
  const { code, stderr } = await run(t, ['--config', join(await folder(t), 'holdfast.yaml'), '--admin', '0.0.0.0:0'])
    .exited;
  t.is(code, 64);
  t.regex(stderr, /adminTokenFile/);
});

test.serial(
  'an xDS port off loopback without certificates, or with a certificate that names no control plane, is refused',
  async (t) => {
    const path = await folder(t),
      file = join(path, 'holdfast.yaml');
    const open = await run(t, ['--config', file, '--xds', '0.0.0.0:0']).exited;
    t.is(open.code, 64);
    t.regex(open.stderr, /--xds 0\.0\.0\.0:0.*holdfast certs init.*controlPlane\.tls/s);
    await renewCertificates([{ name: 'gateway-1', altNames: [] }], {
      folder: path,
      now: new Date(),
      days: 1,
      renewDays: 0,
    });
    const tls = `{certificateFile: ${path}/gateway-1.crt, keyFile: ${path}/gateway-1.key, clientCaFile: ${path}/ca.crt}`;
    await writeFile(file, `${CONFIG}controlPlane: {xds: "0.0.0.0:0", tls: ${tls}}\n`);
    const another = await run(t, ['--config', file]).exited;
    t.is(another.code, 64);
    t.regex(another.stderr, /gateway-1\.crt is the certificate of a gateway: .*holdfast certs init control-plane/);
  },
);

test.serial('--help explains itself', async (t) => {
  const { code, stdout } = await run(t, ['--help']).exited;
  t.is(code, 0);
  t.regex(stdout, /--state-dir/);
});

test.serial(
  'it serves health, metrics and the admin API, follows its file, keeps the last good configuration, and ends on SIGTERM',
  async (t) => {
    const path = await folder(t);
    const file = join(path, 'holdfast.yaml');
    const replace = async (text: string) => {
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
    };
    const controlPlane = run(t, [
      '--config',
      file,
      '--xds',
      '127.0.0.1:0',
      '--admin',
      '127.0.0.1:0',
      '--state-dir',
      path,
    ]);
    const { admin } = await controlPlane.said('ready');
    await waitFor(async () => (await get(admin!, '/readyz')).status === 200, { what: 'ready' });
    const health = await get(admin!, '/health');
    t.is(health.status, 200);
    t.deepEqual(Object.keys(health.body), ['status', 'timestamp', 'checks']);
    t.regex((await get(admin!, '/metrics')).body, /holdfast_control_plane_leader 1/);
    t.is((await get(admin!, '/v1/status')).body.servers[0].replicas, 2);
    t.is((await get(admin!, '/nothing')).status, 404);

    await replace(CONFIG.replace(', "127.0.0.2:9"', ''));
    await waitFor(async () => (await get(admin!, '/v1/status')).body.servers[0].replicas === 1, {
      what: 'one replica',
    });
    await replace('servers: 3');
    const { problems } = await controlPlane.said('the changed configuration is bad; the last good one stays in force');
    t.regex(problems![0]!, /servers: expected a list/);
    t.is((await get(admin!, '/v1/status')).body.servers[0].replicas, 1);
    t.is((await controlPlane.stop()).code, 0);
  },
);

test.serial('slots outlive a restart', async (t) => {
  const path = await folder(t);
  const slots = async () => {
    const controlPlane = run(t, [
      '--config',
      join(path, 'holdfast.yaml'),
      '--xds',
      '127.0.0.1:0',
      '--admin',
      '127.0.0.1:0',
      '--state-dir',
      path,
    ]);
    const { admin } = await controlPlane.said('ready');
    await waitFor(async () => (await get(admin!, '/readyz')).status === 200, { what: 'ready' });
    await controlPlane.stop();
    return (
      JSON.parse(await readFile(join(path, 'slots.json'), 'utf8')) as {
        lives: Array<{ address: string; slot: string }>;
      }
    ).lives
      .map(({ address, slot }) => `${address} ${slot}`)
      .sort();
  };
  const before = await slots();
  t.is(before.length, 2);
  t.deepEqual(await slots(), before);
});
