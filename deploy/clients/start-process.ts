import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface StartedServer { port: number; url: string; pid: number; child: ChildProcess; exited: Promise<void>; kill(signal?: NodeJS.Signals): Promise<void> }

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const START_TIMEOUT_MS = 30_000;

/** Starts an example server (`linear`, `queryquill`, `fixture`) as a process of its own and waits for its ready line. */
export function startProcess(server: string, args: readonly string[] = []): Promise<StartedServer> {
  const child = spawn(process.execPath, [`deploy/servers/${server}/main.ts`, ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const kill = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => { if (child.exitCode === null && child.signalCode === null) child.kill(signal); await exited; };
  return new Promise((resolve, reject) => {
    let out = '', err = '';
    const give = (error: Error): void => { clearTimeout(timer); void kill(); reject(error); };
    const timer = setTimeout(() => give(new Error(`${server} was not ready within ${START_TIMEOUT_MS} ms: ${err}`)), START_TIMEOUT_MS);
    child.stderr.on('data', (chunk: Buffer) => { err = (err + chunk.toString()).slice(-4000); });
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      const line = out.split('\n').find((text) => text.includes('"msg":"ready"'));
      if (line === undefined || !out.includes('\n')) return;
      clearTimeout(timer);
      child.stdout.removeAllListeners('data').resume();
      const { port, path } = JSON.parse(line) as { port: number; path: string };
      resolve({ port, url: `http://127.0.0.1:${port}${path}`, pid: child.pid!, child, exited, kill });
    });
    child.once('error', give);
    void exited.then(() => give(new Error(`${server} ended before it was ready: ${err}`)));
  });
}
