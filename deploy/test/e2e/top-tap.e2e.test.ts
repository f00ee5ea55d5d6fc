import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import { connectClient } from '../clients/connect-client.ts';
import { plainEnvironment } from '../mesh/managed-process.ts';
import { REPOSITORY } from '../mesh/node-program.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { holdfast } from './holdfast-command.ts';

let mesh: Mesh;

test.before(async (t) => {
  t.timeout(120_000);
  mesh = await startMesh({ gateways: 2, servers: { linear: { replicas: 2 } } });
});
test.after.always(() => mesh?.close());

interface Watching {
  lines: string[];
  process: ChildProcess;
  /** As a terminal does it, to the whole group. */
  interrupt(): Promise<number | null>;
}

/** `holdfast` in a terminal of its own, without being one. */
function watch(t: ExecutionContext, ...args: string[]): Watching {
  const process_ = spawn(
    process.execPath,
    [resolve(REPOSITORY, 'control-plane/cli/bin.js'), '--admin', mesh.controlPlane.adminUrl, ...args],
    { env: plainEnvironment({}), stdio: ['ignore', 'pipe', 'inherit'], detached: true },
  );
  const end = (signal: NodeJS.Signals): void => {
    if (process_.pid !== undefined && process_.exitCode === null) process.kill(-process_.pid, signal);
  };
  t.teardown(() => end('SIGKILL'));
  const lines: string[] = [];
  createInterface({ input: process_.stdout }).on('line', (line) => lines.push(line));
  return {
    lines,
    process: process_,
    interrupt: async () => {
      const ended = once(process_, 'exit') as Promise<[number | null]>;
      end('SIGINT');
      return (await ended)[0];
    },
  };
}

const gateways = (): string[] => mesh.gateways.map(({ url }) => url);

/** Calls through both gateways until `isSeen`. */
async function callUntil(isSeen: () => boolean, what: string): Promise<void> {
  const clients = await Promise.all(gateways().map((url) => connectClient({ kind: 'v1', url: `${url}/mcp/linear` })));
  try {
    await waitFor(
      async () => {
        for (const client of clients) {
          await client.callTool('whoami', { secret: 'an argument' }).catch(() => undefined);
          await client.callTool('fail').catch(() => undefined);
        }
        return isSeen();
      },
      { what, everyMs: 50 },
    );
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

test.serial('tap shows calls of every gateway as they end, by what was asked for, and never an argument', async (t) => {
  const tap = watch(t, 'tap', '--json', '--server', 'linear', '--tool', 'whoami');
  const seen = (): Record<string, unknown>[] => tap.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  await callUntil(() => new Set(seen().map(({ node }) => node)).size === 2, 'a call of each gateway');
  for (const line of seen()) {
    t.like(line, { server: 'linear', tool: 'whoami', outcome: 'success', method: 'tools/call' });
    t.regex(String(line['replica']), /^linear-[12]$/);
    t.true(Number(line['durationMs']) > 0);
  }
  t.false(tap.lines.join().includes('an argument'));
  t.is(await tap.interrupt(), 0);
});

test.serial('top shows rates, durations and outcomes without a terminal, and ends with Ctrl-C', async (t) => {
  const top = watch(t, 'top', '--by', 'tool');
  // A screen comes line by line, and the first one need not have both tools.
  const shown = (line: RegExp) => top.lines.some((one) => line.test(one));
  await callUntil(
    () => shown(/^linear +fail .*tool_error [1-9]/) && shown(/^linear +whoami /),
    'both tools, one of which fails',
  );
  const row = top.lines.findLast((line) => /^linear +whoami /.test(line)) ?? '';
  t.regex(row, /^linear +whoami +[\d.]+ +[\d.]+ +[\d.]+ +0\.0 %/);
  await waitFor(() => shown(/2 gateway\(s\): gateway-1, gateway-2/), { what: 'both gateways' });
  await waitFor(() => shown(/^breakers: all closed$/), { what: 'the breakers' });
  t.is(await top.interrupt(), 0);
});

test.serial('doctor --watch shows what changes, and the control plane tells its findings as a metric', async (t) => {
  const doctor = watch(t, 'doctor', '--watch', '1s', '--json');
  const verdicts = () =>
    doctor.lines
      .map((line) => JSON.parse(line) as { name: string; verdict: string })
      .filter(({ name }) => name === 'gateway-2')
      .map(({ verdict }) => verdict);
  await waitFor(() => doctor.lines.length > 0, { what: 'the first round' });
  t.is((await holdfast(mesh.controlPlane.adminUrl, 'drain', '--gateway', 'gateway-2', '--no-wait')).code, 0);
  await waitFor(() => verdicts().includes('warning'), { what: 'it is draining' });
  t.is((await holdfast(mesh.controlPlane.adminUrl, 'undrain', '--gateway', 'gateway-2')).code, 0);
  await waitFor(() => verdicts().at(-1) === 'good', { what: 'it is in again' });
  t.is(await doctor.interrupt(), 0);
  const metrics = async () => (await fetch(`${mesh.controlPlane.adminUrl}/metrics`)).text();
  await waitFor(async () => (await metrics()).includes('holdfast_doctor_findings{check="redis",severity="bad"} 0'), {
    what: 'the findings as a metric',
  });
});

test('a server or replica that is not there, and a wrong outcome, are refused at once', async (t) => {
  for (const [wanted, says, ...args] of [
    [65, /nobody/, 'tap', '--server', 'nobody'],
    [65, /nobody/, 'tap', '--replica', 'nobody'],
    [65, /nobody/, 'top', '--replica', 'nobody'],
    [64, /Allowed choices are success/, 'tap', '--outcome', 'bad'],
  ] as const) {
    const { code, err } = await holdfast(mesh.controlPlane.adminUrl, ...args);
    t.is(code, wanted, args.join(' '));
    t.regex(err, says, args.join(' '));
  }
});
