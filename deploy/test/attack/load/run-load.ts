import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { nodeProgram } from '../../mesh/node-program.ts';
import { startMesh } from '../../mesh/start-mesh.ts';
import { redisAnswer } from '../../mesh/start-redis.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import { atMost, exactly, type Objective } from '../../report/objectives.ts';
import { ProcessWatch, shippedLimits } from '../process-watch.ts';
import { HonestLoad } from './honest-load.ts';

export interface LoadOptions {
  honestSessions: number;
  everyMs: number;
  /** Of each of the two stretches: undisturbed, and under attack. */
  seconds: number;
  slowBodies: number;
  idleConnections: number;
  unreadStreams: number;
  initializes: number;
  say?: (line: string) => void;
}

export const FULL_LOAD: LoadOptions = {
  honestSessions: 200,
  everyMs: 1000,
  seconds: 40,
  slowBodies: 1000,
  idleConnections: 10_000,
  unreadStreams: 1000,
  initializes: 10_000,
};

/** A tenth of everything: for the suite. */
export const SHORT_LOAD: LoadOptions = {
  honestSessions: 40,
  everyMs: 500,
  seconds: 10,
  slowBodies: 100,
  idleConnections: 1000,
  unreadStreams: 100,
  initializes: 500,
};

/** What Redis has in the composition: beyond it it refuses writes. */
const MAX_MEMORY = '200mb';
const MAX_MEMORY_MIB = 200;

/** Honest sessions work undisturbed, then while every kind of attacker is there at once. */
export async function runLoad(options: LoadOptions): Promise<Objective[]> {
  const { say = () => {}, seconds, everyMs } = options;
  await using mesh = await startMesh({
    gateways: 2,
    servers: {
      attacked: {
        replicas: 2,
        program: 'deploy/test/attack/load/flooding-replica.ts',
        settings: { probe: { type: 'off' } },
      },
    },
  });
  const port = mesh.redis?.port ?? 0;
  await redisAnswer(port, `CONFIG SET maxmemory ${MAX_MEMORY}`);
  const urls = mesh.gateways.map((_, index) => mesh.url('attacked', index));
  const honest = new HonestLoad();
  await honest.open(urls, options.honestSessions);
  const watch = new ProcessWatch(mesh);
  await honest.run(2, everyMs);
  const before = await honest.run(seconds, everyMs);
  say(`undisturbed: ${before.calls} calls, p50 ${before.p50Ms.toFixed(1)} ms, p99 ${before.p99Ms.toFixed(1)} ms`);
  watch.take();

  const { command, args, env } = nodeProgram('deploy/test/attack/load/attackers.ts', [
    ...urls.flatMap((url) => ['--url', url]),
    ...['slow', 'idle', 'streams', 'initializes'].flatMap((name, index) => [
      `--${name}`,
      String([options.slowBodies, options.idleConnections, options.unreadStreams, options.initializes][index]),
    ]),
  ]);
  const attackers = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(attackers, 'exit');
  try {
    let isStarted = false;
    createInterface({ input: attackers.stdout }).on('line', (line) => {
      say(`attackers: ${line}`);
      isStarted ||= line === 'started';
    });
    // Honest calls go on meanwhile: the arrival of the attackers is a part of the attack.
    const under = await honest.run(seconds, everyMs);
    await waitFor(() => isStarted, { what: 'all attackers are there', timeoutMs: 120_000 });
    const late = await honest.run(Math.ceil(seconds / 4), everyMs);
    const used = Number(/used_memory:(\d+)/.exec(await redisAnswer(port, 'INFO memory'))?.[1]) / 2 ** 20;
    const { ended, tooLarge, peakMiB } = watch.take();
    const failures = under.firstFailure ?? late.firstFailure;
    if (failures !== null) say(`first failed call: ${failures}`);
    const limits = shippedLimits();
    const figures = Object.entries(peakMiB).map(
      ([role, mib]) => `${role} ${Math.round(mib)} of ${limits[role as keyof typeof limits]}`,
    );
    say(`peaks, MiB: ${figures.join(', ')}`);
    return [
      exactly('honest calls that failed, undisturbed', 0, before.failed),
      exactly(`honest calls that failed under attack, of ${under.calls + late.calls}`, 0, under.failed + late.failed),
      atMost('p99 under attack ÷ undisturbed (times)', 3, Math.max(under.p99Ms, late.p99Ms) / before.p99Ms),
      exactly('processes that ended', 0, ended.length),
      exactly(`processes over their shipped limit (${figures.join(', ')} MiB)`, 0, tooLarge.length),
      atMost('memory of Redis (MiB)', MAX_MEMORY_MIB, used),
    ];
  } finally {
    attackers.kill('SIGKILL');
    await exited;
    honest.close();
  }
}
