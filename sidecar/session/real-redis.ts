import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureRedis } from '../../deploy/setup/binaries.ts';
import { connectRedis, whenReady } from '../../proto/redis/redis-client.ts';

export interface RealRedis {
  url: string;
  pause(): void;
  resume(): void;
  /** Kills it without saving; `start` brings it back empty on the same port. */
  kill(): Promise<void>;
  start(): Promise<void>;
  dispose(): Promise<void>;
}

/** For tests: a redis-server of one's own on a free loopback port, in a folder of its own. */
export async function startRealRedis(): Promise<RealRedis> {
  const binary = await ensureRedis();
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    child = spawn(binary, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder], { stdio: 'ignore' });
    const client = connectRedis(url);
    const isReady = await whenReady(client, 10_000);
    client.disconnect();
    if (!isReady) throw new Error(`redis-server did not answer on port ${port} within 10 s`);
  };
  const kill = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  await start();
  return {
    url, start, kill,
    pause: () => { child?.kill('SIGSTOP'); },
    resume: () => { child?.kill('SIGCONT'); },
    dispose: async () => { await kill(); await rm(folder, { recursive: true, force: true }); },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
