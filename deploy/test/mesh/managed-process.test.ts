import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { freePort } from './free-port.ts';
import { ManagedProcess, type ProcessSpec } from './managed-process.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { answers, isListening, waitFor } from './wait-for.ts';

const SERVER = `require('http').createServer((_, response) => response.end('ok')).listen(process.argv[1], '127.0.0.1', () => console.log('listening'))`;

async function spec(t: ExecutionContext, more: Partial<ProcessSpec> = {}): Promise<ProcessSpec & { port: number }> {
  const folder = await temporaryFolder();
  t.teardown(() => folder.remove());
  const port = await freePort();
  return {
    name: 'example',
    command: process.execPath,
    args: ['-e', SERVER, String(port)],
    logFile: join(folder.path, 'example.log'),
    isReady: () => isListening(port),
    port,
    ...more,
  };
}

async function started(t: ExecutionContext): Promise<{ process: ManagedProcess; port: number }> {
  const wanted = await spec(t);
  const managed = new ManagedProcess(wanted);
  t.teardown(() => managed.kill());
  await managed.start();
  return { process: managed, port: wanted.port };
}

test('a process is ready once started, and gone once stopped', async (t) => {
  const { process, port } = await started(t);
  t.true(await answers(`http://127.0.0.1:${port}/`));
  t.regex(process.log(), /listening/);
  await process.stop();
  t.false(process.isRunning);
  t.false(await isListening(port));
});

test('a paused process answers nothing until it is resumed', async (t) => {
  const { process, port } = await started(t);
  process.pause();
  t.false(
    await Promise.race([
      answers(`http://127.0.0.1:${port}/`),
      new Promise<boolean>((resolve) => {
        setTimeout(resolve, 100, false);
      }),
    ]),
  );
  process.resume();
  t.true(await waitFor(() => answers(`http://127.0.0.1:${port}/`), { what: 'an answer' }));
});

test('a restart is another process on the same port', async (t) => {
  const { process, port } = await started(t);
  const before = process.pid;
  await process.restart('SIGKILL');
  t.not(process.pid, before);
  t.true(await isListening(port));
});

test('an end that nobody asked for is reported once, with the signal', async (t) => {
  const { process: managed } = await started(t);
  const crash = new Promise((resolve) => {
    managed.onCrash = resolve;
  });
  process.kill(managed.pid!, 'SIGKILL');
  t.deepEqual(await crash, { code: null, signal: 'SIGKILL' });
  t.false(managed.isRunning);
});

test('a process that ends before it is ready is an error with its last words', async (t) => {
  const broken = new ManagedProcess(await spec(t, { args: ['-e', 'console.error("port is taken"); process.exit(3)'] }));
  await t.throwsAsync(broken.start(), {
    message: /example ended \(exit code 3\) before it was ready\n.*port is taken/s,
  });
  const absent = new ManagedProcess(await spec(t, { command: '/no/such/command' }));
  await t.throwsAsync(absent.start(), { message: /example ended \(exit code 127\)/ });
});

test('a process that never gets ready is ended', async (t) => {
  const silent = new ManagedProcess(await spec(t, { isReady: async () => false, readyTimeoutMs: 300 }));
  await t.throwsAsync(silent.start(), { message: /example ready: not within 0.3 s/ });
  t.false(silent.isRunning);
});

test('when the process that started it is killed, the child and the folder are gone', async (t) => {
  const port = await freePort();
  const here = new URL('.', import.meta.url).href;
  const program = `
    const { ManagedProcess } = await import('${here}managed-process.ts');
    const { temporaryFolder } = await import('${here}temporary-folder.ts');
    const { isListening } = await import('${here}wait-for.ts');
    const folder = await temporaryFolder();
    const child = new ManagedProcess({ name: 'child', command: process.execPath, args: ['-e', ${JSON.stringify(SERVER)}, '${port}'], logFile: folder.path + '/log', isReady: () => isListening(${port}) });
    await child.start();
    console.log(folder.path);
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => parent.kill('SIGKILL'));
  const [path] = String((await once(parent.stdout, 'data'))[0]).split('\n') as [string];
  t.true(existsSync(path));
  parent.kill('SIGKILL');
  await waitFor(async () => !existsSync(path) && !(await isListening(port)), { what: 'all gone' });
  t.pass();
});
