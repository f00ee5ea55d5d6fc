import { freePort, isFreePort } from '../../../deploy/test/mesh/free-port.ts';
import { ManagedProcess } from '../../../deploy/test/mesh/managed-process.ts';
import { redisAnswer } from '../../../deploy/test/mesh/start-redis.ts';
import { temporaryFolder } from '../../../deploy/test/mesh/temporary-folder.ts';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { ensureRedis } from '../../../deploy/setup/binaries.ts';

export interface RealRedis {
  url: string;
  pause(): void;
  resume(): void;
  /** Kills it without saving; `start` brings it back empty on the same port. */
  kill(): Promise<void>;
  start(): Promise<void>;
  dispose(): Promise<void>;
}

/** Ports found free that another process took first, one after the other, before a start counts as failed. */
const MOST_PORTS = 5;
const PORT_TAKEN = /Address already in use/;

/** For tests: a redis-server of one's own on a free loopback port, in a folder of its own. */
export async function startRealRedis(
  moreArgs: readonly string[] = [],
  findPort: () => Promise<number> = freePort,
): Promise<RealRedis> {
  for (let tries = 1; ; tries++) {
    try {
      return await startOnPort(await findPort(), moreArgs);
    } catch (error) {
      if (tries === MOST_PORTS || !PORT_TAKEN.test((error as Error).message)) throw error;
    }
  }
}

async function startOnPort(port: number, moreArgs: readonly string[]): Promise<RealRedis> {
  const command = await ensureRedis(),
    folder = await temporaryFolder('holdfast-redis-');
  const child: ManagedProcess = new ManagedProcess({
    name: `redis on port ${port}`,
    command,
    logFile: `${folder.path}/log`,
    args: [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      '--dir',
      folder.path,
      ...moreArgs,
    ],
    // The process that took the port may be a Redis as well.
    isReady: async () => (await redisAnswer(port, 'INFO server')).includes(`process_id:${child.pid}\r\n`),
  });
  const dispose = async (): Promise<void> => {
    await child.kill();
    await folder.remove();
  };
  try {
    await child.start();
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    pause: () => child.pause(),
    resume: () => child.resume(),
    kill: () => child.kill(),
    start: async () => {
      await child.start();
    },
    dispose,
  };
}

const SLOTS = 16_384;
/** A node's port for the other nodes is so far above its own. */
const BUS = 10_000;

/** Two ports of which neither is one that `freePort` gives, nor one of outgoing connections. */
async function freeClusterPort(): Promise<number> {
  for (;;) {
    const port = 1024 + Math.floor(Math.random() * 976);
    if ((await isFreePort(port)) && (await isFreePort(port + BUS))) return port;
  }
}

/** A Redis Cluster of two primaries, half of the slots each. */
export async function startRealRedisCluster(): Promise<{ url: string; dispose(): Promise<void> }> {
  const started = await Promise.allSettled(
    [0, 1].map(() => startRealRedis(['--cluster-enabled', 'yes', '--cluster-node-timeout', '10000'], freeClusterPort)),
  );
  const nodes = started.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  const dispose = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.dispose()));
  };
  try {
    for (const each of started) if (each.status === 'rejected') throw each.reason;
    const ports = nodes.map(({ url }) => Number(new URL(url).port));
    const tell = async (port: number, command: string): Promise<void> => {
      const answer = await redisAnswer(port, command, 10_000);
      if (!answer.startsWith('+OK')) throw new Error(`${command.slice(0, 60)}: ${answer}`);
    };
    const half = (index: number): string =>
      Array.from({ length: SLOTS / 2 }, (_, slot) => index * (SLOTS / 2) + slot).join(' ');
    await Promise.all(ports.map((port, index) => tell(port, `CLUSTER ADDSLOTS ${half(index)}`)));
    await tell(ports[0]!, `CLUSTER MEET 127.0.0.1 ${ports[1]}`);
    const isWhole = async (): Promise<boolean> =>
      (await Promise.all(ports.map((port) => redisAnswer(port, 'CLUSTER INFO')))).every((info) =>
        /cluster_state:ok[^]*cluster_slots_ok:16384/.test(info),
      );
    await waitFor(isWhole, { what: 'the cluster covers all slots', timeoutMs: 60_000 });
  } catch (error) {
    await dispose();
    throw error;
  }
  return { url: `redis+cluster://${nodes.map(({ url }) => new URL(url).host).join(',')}`, dispose };
}
