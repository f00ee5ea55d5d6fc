import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { freePorts } from '../deploy/test/mesh/free-port.ts';
import { temporaryFolder } from '../deploy/test/mesh/temporary-folder.ts';
import { waitFor } from '../deploy/test/mesh/wait-for.ts';

const main = join(import.meta.dirname, 'main.ts');
const run = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
  });

test('wrong settings are told all at once, before anything listens, and the exit code is 64', async (t) => {
  const child = run(['--relay', 'nowhere', '--admni', 'x'], {
    SESSION_STORE: 'paper',
    CIRCUIT_BREAKER_THRESHOLD: 'many',
  });
  const [problems, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  t.is(code, 64);
  for (const part of ['--xds', '--ext-proc', '--relay', '--admni', 'SESSION_STORE', 'CIRCUIT_BREAKER_THRESHOLD'])
    t.true(problems.includes(part), `${part} in:\n${problems}`);
});

test('a session store URL that can’t be read ends it with what is wrong, without the password', async (t) => {
  const child = run(
    ['--xds', '127.0.0.1:1', '--ext-proc', '127.0.0.1:0', '--relay', '127.0.0.1:0', '--admin', '127.0.0.1:0'],
    { SESSION_STORE_URL: 'redis://u:hunter2@a,b' },
  );
  const [problems, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  t.is(code, 64);
  t.regex(problems, /several hosts/);
  t.notRegex(problems, /hunter2/);
});

test('without a control plane it is alive but not ready, and SIGTERM ends it cleanly', async (t) => {
  const folder = await temporaryFolder(),
    [relay, admin] = (await freePorts(2)) as [number, number];
  const socket = join(folder.path, 'ext-proc.sock');
  const child = run(
    [
      '--node-id',
      'alone',
      '--xds',
      '127.0.0.1:1',
      '--ext-proc',
      socket,
      '--relay',
      `127.0.0.1:${relay}`,
      '--admin',
      `127.0.0.1:${admin}`,
    ],
    { SESSION_STORE: 'memory' },
  );
  t.teardown(async () => {
    child.kill('SIGKILL');
    await folder.remove();
  });
  const log = text(child.stdout);
  await waitFor(
    () =>
      fetch(`http://127.0.0.1:${admin}/health`).then(
        ({ status }) => status === 200,
        () => false,
      ),
    { what: 'the admin port answers' },
  );
  const health = (await (await fetch(`http://127.0.0.1:${admin}/health`)).json()) as {
    status: string;
    checks: { name: string; healthy: boolean }[];
  };
  t.is(health.status, 'degraded');
  t.like(
    health.checks.find(({ name }) => name === 'control-plane'),
    { healthy: false },
  );
  t.is((await fetch(`http://127.0.0.1:${admin}/readyz`)).status, 503);
  t.is((await fetch(`http://127.0.0.1:${relay}/health`)).status, 200);
  t.true(existsSync(socket));
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number];
  t.is(code, 0, await log);
  t.false(existsSync(socket));
});
