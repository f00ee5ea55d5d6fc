import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { nodeProgram } from '../../mesh/node-program.ts';
import { startMesh, type Mesh } from '../../mesh/start-mesh.ts';
import { redisAnswer } from '../../mesh/start-redis.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import { atMost, exactly, type Objective } from '../../report/objectives.ts';
import { ProcessWatch, shippedLimits } from '../process-watch.ts';
import { HonestLoad, type LoadFigures } from './honest-load.ts';

export interface LoadOptions {
  honestSessions: number;
  everyMs: number;
  /** Of each of the two stretches: undisturbed, and under attack. */
  seconds: number;
  slowBodies: number;
  idleConnections: number;
  unreadStreams: number;
  initializes: number;
  /** Also attacks a mesh beside this one: what that costs honest calls here is the machine's, not the mesh's. */
  hasControl?: boolean;
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
  hasControl: true,
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

const startAttackedMesh = (): Promise<Mesh> =>
  startMesh({
    gateways: 2,
    servers: {
      attacked: {
        replicas: 2,
        program: 'deploy/test/attack/load/flooding-replica.ts',
        settings: { probe: { type: 'off' } },
      },
    },
  });

interface UnderAttack {
  during: LoadFigures;
  /** Once all attackers are there. */
  late: LoadFigures;
}

/** Honest calls go on while the attackers arrive at these gateways, and after: their arrival is a part of the attack. */
async function underAttack(honest: HonestLoad, urls: readonly string[], options: LoadOptions): Promise<UnderAttack> {
  const { say = () => {}, seconds, everyMs } = options;
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
    const during = await honest.run(seconds, everyMs);
    await waitFor(() => isStarted, { what: 'all attackers are there', timeoutMs: 120_000 });
    const late = await honest.run(Math.ceil(seconds / 4), everyMs);
    say(`honest calls, p50 and p99 in ms: while they come ${shown(during)}, once they are there ${shown(late)}`);
    return { during, late };
  } finally {
    attackers.kill('SIGKILL');
    await exited;
  }
}

const shown = ({ p50Ms, p99Ms }: LoadFigures): string => `${p50Ms.toFixed(1)} and ${p99Ms.toFixed(1)}`;
const worstMs = ({ during, late }: UnderAttack): number => Math.max(during.p99Ms, late.p99Ms);

/** Honest sessions work undisturbed, then while every kind of attacker is there at once. */
export async function runLoad(options: LoadOptions): Promise<Objective[]> {
  const { say = () => {}, seconds, everyMs } = options;
  await using mesh = await startAttackedMesh();
  const port = mesh.redis?.port ?? 0;
  await redisAnswer(port, `CONFIG SET maxmemory ${MAX_MEMORY}`);
  const urls = mesh.gateways.map((_, index) => mesh.url('attacked', index));
  const honest = new HonestLoad();
  try {
    await honest.open(urls, options.honestSessions);
    const watch = new ProcessWatch(mesh);
    await honest.run(2, everyMs);
    const before = await honest.run(seconds, everyMs);
    say(`undisturbed: ${before.calls} calls, p50 and p99 in ms: ${shown(before)}`);
    const beside = options.hasControl ? await attackBeside(honest, options) : null;
    watch.take();
    const under = await underAttack(honest, urls, options);
    const used = Number(/used_memory:(\d+)/.exec(await redisAnswer(port, 'INFO memory'))?.[1]) / 2 ** 20;
    const { ended, tooLarge, peakMiB } = watch.take();
    const failure = under.during.firstFailure ?? under.late.firstFailure;
    if (failure !== null) say(`first failed call: ${failure}`);
    const limits = shippedLimits();
    const peaks = Object.entries(peakMiB).map(
      ([role, mib]) => `${role} ${Math.round(mib)} of ${limits[role as keyof typeof limits]}`,
    );
    say(`peaks, MiB: ${peaks.join(', ')}`);
    return [
      exactly('honest calls that failed, undisturbed', 0, before.failed),
      exactly(
        `honest calls that failed under attack, of ${under.during.calls + under.late.calls}`,
        0,
        under.during.failed + under.late.failed,
      ),
      atMost('p99 under attack ÷ undisturbed (times)', 3, worstMs(under) / before.p99Ms),
      ...(beside
        ? [
            atMost(
              'p99 under attack ÷ with the same attack on a mesh beside (times)',
              3,
              worstMs(under) / worstMs(beside),
            ),
          ]
        : []),
      exactly('processes that ended', 0, ended.length),
      exactly(`processes over their shipped limit (${peaks.join(', ')} MiB)`, 0, tooLarge.length),
      atMost('memory of Redis (MiB)', MAX_MEMORY_MIB, used),
    ];
  } finally {
    honest.close();
  }
}

/** The attack meets another mesh of this machine: it takes the machine's cores from these honest calls, and nothing else. */
async function attackBeside(honest: HonestLoad, options: LoadOptions): Promise<UnderAttack> {
  await using mesh = await startAttackedMesh();
  await redisAnswer(mesh.redis?.port ?? 0, `CONFIG SET maxmemory ${MAX_MEMORY}`);
  options.say?.('the same attack on a mesh beside this one:');
  return await underAttack(
    honest,
    mesh.gateways.map((_, index) => mesh.url('attacked', index)),
    options,
  );
}
