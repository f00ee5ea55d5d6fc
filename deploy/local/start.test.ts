import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { alternatingFetch } from '../test/clients/alternating-fetch.ts';
import { connectClient } from '../test/clients/connect-client.ts';
import { freePort, isFreePort } from '../test/mesh/free-port.ts';
import { plainEnvironment } from '../test/mesh/managed-process.ts';
import { answers, waitFor } from '../test/mesh/wait-for.ts';

interface Started {
  child: ChildProcessByStdio<null, Readable, Readable>;
  output: () => string;
  ports: number[];
  folder: string;
  pids: number[];
}

const MAIN = join(import.meta.dirname, 'main.ts');

/** Two ports, one after the other, since gateways take theirs so. */
async function neighbours(): Promise<[number, number]> {
  for (;;) {
    const port = await freePort();
    if (await isFreePort(port + 1)) return [port, port + 1];
  }
}

async function start(t: ExecutionContext, args: string[], env: NodeJS.ProcessEnv = {}): Promise<Started> {
  const ports = await neighbours();
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', MAIN, '--port', String(ports[0]), ...args],
    { stdio: ['ignore', 'pipe', 'pipe'], env: plainEnvironment(env) },
  );
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGINT');
    await once(child, 'exit');
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
  await waitFor(
    () => {
      if (child.exitCode !== null) throw new Error(text);
      return text.includes('Ctrl-C ends everything');
    },
    { what: 'npm start', timeoutMs: 120_000 },
  ).catch((error: Error) => {
    throw new Error(`${error.message}\n${text}`);
  });
  const pids = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map(Number);
  return { child, output: () => text, ports, folder: /Logs: (\S+)/.exec(text)![1]!, pids };
}

const isAlive = (pid: number): boolean => {
  try {
    // An ended process that nobody waited for is none.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

const allGone = ({ pids, ports, folder }: Started): Promise<unknown> =>
  waitFor(
    async () => !pids.some(isAlive) && !existsSync(folder) && (await Promise.all(ports.map(isFreePort))).every(Boolean),
    { what: 'nothing left', timeoutMs: 60_000 },
  );

test.serial(
  'a session goes on while its replica is killed, the replica is named and comes back, and Ctrl-C leaves nothing',
  async (t) => {
    const started = await start(t, ['--gateways', '2', '--replicas', '2']);
    const origins = started.ports.map((port) => `http://127.0.0.1:${port}`);
    const client = await connectClient({
      kind: 'v1',
      url: `${origins[0]}/mcp/linear`,
      fetch: alternatingFetch(origins),
    });
    t.teardown(() => client.close());
    const replica = async (): Promise<string> => String((await client.callTool('cart', {})).data['replica']);
    const first = await replica();
    for (let call = 0; call < 4; call++) t.is(await replica(), first);

    const pid = Number(new RegExp(`kill -9 (\\d+)   # ${first}`).exec(started.output())![1]);
    process.kill(pid, 'SIGKILL');
    t.regex(await replica(), /^linear-[12]$/);
    await waitFor(() => started.output().includes(`${first} is up again`), {
      what: 'replica is back',
      timeoutMs: 60_000,
    });
    t.regex(started.output(), new RegExp(`${first} was killed; starting it again`));
    t.regex(await replica(), /^linear-[12]$/);

    await client.close();
    started.child.kill('SIGINT');
    const [code] = await once(started.child, 'exit');
    t.is(code, 0);
    await allGone(started);
  },
);

test.serial('without Redis one node works alone, and a killed npm start leaves nothing either', async (t) => {
  const started = await start(t, ['--replicas', '1'], { SESSION_STORE: 'memory' });
  const url = `http://127.0.0.1:${started.ports[0]}`;
  t.true(await answers(`${url}/health`));
  const client = await connectClient({ kind: 'v2-legacy', url: `${url}/mcp/queryquill` });
  t.true((await client.listTools()).length > 0);
  await client.close();
  started.child.kill('SIGKILL');
  await allGone(started);
  t.pass();
});

test.serial('once nobody reads what it says, it ends as by Ctrl-C', async (t) => {
  const started = await start(t, ['--replicas', '1'], { SESSION_STORE: 'memory' });
  const [, pid] = /kill -9 (\d+) {3}# linear-1/.exec(started.output()) ?? [];
  started.child.stdout.destroy();
  started.child.stderr.destroy();
  // What is said next finds nobody.
  process.kill(Number(pid), 'SIGKILL');
  t.deepEqual(await once(started.child, 'exit'), [0, null]);
  await allGone(started);
});

test.serial('a port that is taken is named, and nothing is started', async (t) => {
  const { createServer } = await import('node:http');
  const server = createServer().listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const child = spawn(process.execPath, [MAIN, '--port', String(port), '--gateways', '1'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: plainEnvironment(),
  });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const [code] = await once(child, 'close');
  t.is(code, 1);
  t.regex(text, new RegExp(`port ${port} is taken`));
});
