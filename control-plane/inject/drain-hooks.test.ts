import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { hasProgram, testWith } from '../../deploy/test/test-with.ts';
import { envoyDrain, sidecarDrain } from './drain-hooks.ts';

/** Stands for Envoy's admin interface: it answers as Envoy does, with so many active requests and open connections as the test says. */
async function admin(t: ExecutionContext): Promise<{
  port: number;
  asked: string[];
  connections: () => number;
  active: (requests: number, connections?: number) => void;
  close: () => void;
}> {
  const asked: string[] = [];
  let [requests, open] = [1, 1],
    connections = 0;
  const server = createServer((request, response: ServerResponse) => {
    asked.push(`${request.method} ${request.url}`);
    response.end(
      request.url?.startsWith('/stats')
        ? `http.mcp.downstream_cx_active: ${open}\nhttp.mcp.downstream_rq_active: ${requests}\n`
        : 'OK\n',
    );
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  t.teardown(close);
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    connections: () => connections,
    active: (nowRequests, nowOpen = 0) => {
      [requests, open] = [nowRequests, nowOpen];
    },
    close,
  };
}

async function until(condition: () => boolean): Promise<void> {
  const limit = AbortSignal.timeout(60_000);
  while (!condition()) await sleep(20, undefined, { signal: limit });
}
const stats = 'GET /stats?filter=^http.mcp.downstream_(cx|rq)_active$';

testWith('bash', hasProgram('bash', '--version'), 'Envoy’s hook ends when no request is active any more', async (t) => {
  const envoy = await admin(t);
  const hook = spawn('bash', ['-c', envoyDrain(envoy.port, { leastSeconds: 0, mostSeconds: 1000 })]);
  t.teardown(() => hook.kill('SIGKILL'));
  const ended = once(hook, 'close');
  const complaints = text(hook.stderr);
  await until(() => envoy.asked.filter((each) => each === stats).length >= 2);
  t.is(envoy.asked[0], 'POST /healthcheck/fail');
  t.is(hook.exitCode, null, 'a call is active');
  envoy.active(0);
  t.deepEqual(await ended, [0, null]);
  t.is(await complaints, '');
});

testWith(
  'bash',
  hasProgram('bash', '--version'),
  'Envoy’s hook waits a little for a connection that is left open: its client may not know yet that it has to go',
  async (t) => {
    const envoy = await admin(t);
    envoy.active(0, 1);
    const run = (): Promise<unknown[]> => {
      const hook = spawn('bash', ['-c', envoyDrain(envoy.port, { leastSeconds: 0, mostSeconds: 1000 })]);
      t.teardown(() => hook.kill('SIGKILL'));
      return once(hook, 'close');
    };
    const looks = (): number => envoy.asked.filter((each) => each === stats).length;
    t.deepEqual(await run(), [0, null]);
    t.is(looks(), 6, 'as many looks as seconds without a request, though the connection stays open');
    const ended = run();
    await until(() => looks() >= 8);
    envoy.active(0);
    t.deepEqual(await ended, [0, null]);
    t.true(looks() < 12, 'the connection is closed: nothing is left to wait for');
  },
);

testWith(
  'bash',
  hasProgram('bash', '--version'),
  'Envoy’s hook does not wait beyond its time, nor for an Envoy that is gone',
  async (t) => {
    const envoy = await admin(t);
    const run = async (times: { leastSeconds: number; mostSeconds: number }): Promise<unknown> => {
      const hook = spawn('bash', ['-c', envoyDrain(envoy.port, times)], { stdio: 'ignore' });
      t.teardown(() => hook.kill('SIGKILL'));
      return (await once(hook, 'close'))[0];
    };
    t.is(await run({ leastSeconds: 0, mostSeconds: 1 }), 0);
    envoy.close();
    t.is(await run({ leastSeconds: 0, mostSeconds: 1000 }), 0);
  },
);

test('the sidecar’s hook ends when its Envoy has', async (t) => {
  const envoy = await admin(t),
    sidecar = await admin(t);
  const script = sidecarDrain(sidecar.port, envoy.port, process.execPath, { leastSeconds: 0, mostSeconds: 1000 });
  const hook = spawn(process.execPath, ['-e', script.replace(/require\('fs'\)\.readFileSync\([^)]*\)/, "'token'")]);
  t.teardown(() => hook.kill('SIGKILL'));
  const ended = once(hook, 'close');
  const complaints = text(hook.stderr);
  await until(() => sidecar.asked.length > 0);
  t.deepEqual(sidecar.asked, ['POST /drain']);
  await until(() => envoy.connections() >= 2);
  t.is(hook.exitCode, null, 'it has looked, and looks again');
  envoy.close();
  t.deepEqual(await ended, [0, null]);
  t.is(await complaints, '');
});
