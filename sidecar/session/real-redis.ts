import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../deploy/mesh/free-port.ts';
import { waitFor } from '../../deploy/mesh/wait-for.ts';
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
export async function startRealRedis(moreArgs: readonly string[] = []): Promise<RealRedis> {
  const binary = await ensureRedis();
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    child = spawn(binary, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder, ...moreArgs], { stdio: 'ignore' });
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

const SLOTS = 16_384;

/** A Redis Cluster of two primaries, half of the slots each. */
export async function startRealRedisCluster(): Promise<{ url: string; dispose(): Promise<void> }> {
  const nodes = await Promise.all([0, 1].map(() => startRealRedis(['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'])));
  const dispose = async (): Promise<void> => { await Promise.all(nodes.map((node) => node.dispose())); };
  const clients = nodes.map(({ url }) => connectRedis(url));
  try {
    await Promise.all(clients.map((client) => whenReady(client, 5000)));
    const half = (index: number): string[] => Array.from({ length: SLOTS / 2 }, (_, slot) => String(index * (SLOTS / 2) + slot));
    await Promise.all(clients.map((client, index) => client.call('CLUSTER', 'ADDSLOTS', ...half(index))));
    await clients[0]!.call('CLUSTER', 'MEET', '127.0.0.1', new URL(nodes[1]!.url).port);
    const isWhole = async (): Promise<boolean> => (await Promise.all(clients.map((client) => client.call('CLUSTER', 'INFO')))).every((info) => /cluster_state:ok[^]*cluster_slots_ok:16384/.test(String(info)));
    await waitFor(isWhole, { what: 'the cluster covers all slots' });
  } catch (error) {
    await dispose();
    throw error;
  } finally {
    for (const client of clients) client.disconnect();
  }
  return { url: `redis+cluster://${nodes.map(({ url }) => new URL(url).host).join(',')}`, dispose };
}
