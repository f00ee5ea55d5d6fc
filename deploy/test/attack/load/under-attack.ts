import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { getPriority, setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { cpuSeconds } from '../../bench/load/cpu.ts';
import { nodeProgram } from '../../mesh/node-program.ts';
import { startMesh, type Mesh } from '../../mesh/start-mesh.ts';
import { processesOf } from '../process-watch.ts';
import type { HonestLoad, LoadFigures } from './honest-load.ts';

/** How many attackers of each kind, and how long honest clients work beside them. */
export interface Attack {
  everyMs: number;
  /** Of each of the two stretches: undisturbed, and under attack. */
  seconds: number;
  slowBodies: number;
  idleConnections: number;
  unreadStreams: number;
  initializes: number;
  say?: (line: string) => void;
}

export const startAttackedMesh = (): Promise<Mesh> =>
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

export interface UnderAttack {
  /** While the attackers arrive. */
  during: LoadFigures;
  /** Once all attackers are there. */
  late: LoadFigures;
}

/**
 * Honest calls go on while the attackers arrive at these gateways, and after: their arrival is a part of the attack. Attackers have a
 * lower priority than the rest, because elsewhere they have machines of their own. `pids`: whose CPU is told, by role.
 */
export async function underAttack(
  honest: HonestLoad,
  urls: readonly string[],
  options: Attack,
  pids: Readonly<Record<string, readonly number[]>> = {},
): Promise<UnderAttack> {
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
    if (attackers.pid !== undefined) setPriority(attackers.pid, Math.min(19, getPriority() + STEPS_DOWN));
    const cpu = cores({ ...pids, attackers: [attackers.pid ?? 0], 'honest clients': [process.pid] });
    let isStarted = false;
    createInterface({ input: attackers.stdout }).on('line', (line) => {
      say(`attackers: ${line}`);
      isStarted ||= line === 'started';
    });
    const during = await honest.run(seconds, everyMs, () => isStarted);
    if (!isStarted) say('attackers: not all of them got in');
    const late = await honest.run(Math.ceil(seconds / 4), everyMs);
    say(`honest calls, p50 and p99 in ms: while they come ${shown(during)}, once they are there ${shown(late)}`);
    say(`cores that each took: ${cpu()}`);
    return { during, late };
  } finally {
    const isOver = Promise.race([exited, pause(1000)]);
    attackers.kill('SIGTERM');
    await isOver;
    attackers.kill('SIGKILL');
    await exited;
  }
}

/**
 * Steps of `nice`. They leave a third of the processor where all others want it too, so other work of the machine does
 * not keep them away.
 */
const STEPS_DOWN = 5;

/** Returns what says how many cores the processes of each role have taken since. */
function cores(pids: Readonly<Record<string, readonly number[]>>): () => string {
  const taken = (list: readonly number[]): number => list.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const startedMs = performance.now();
  const before = Object.entries(pids).map(([role, list]) => ({ role, list, seconds: taken(list) }));
  return () => {
    const seconds = (performance.now() - startedMs) / 1000;
    return before.map((one) => `${one.role} ${((taken(one.list) - one.seconds) / seconds).toFixed(2)}`).join(', ');
  };
}

/** Of each role of a mesh, and of the replicas that are attacked. */
export const pidsOf = (mesh: Mesh): Record<string, number[]> => {
  const replicas = mesh.replicasOf('attacked').map(({ process }) => process);
  return Object.fromEntries(
    Object.entries({ ...processesOf(mesh), replicas }).map(([role, list]) => [role, list.map(({ pid }) => pid ?? 0)]),
  );
};

export const shown = ({ p50Ms, p99Ms }: LoadFigures): string => `${p50Ms.toFixed(1)} and ${p99Ms.toFixed(1)}`;
export const worstMs = ({ during, late }: UnderAttack): number => Math.max(during.p99Ms, late.p99Ms);
