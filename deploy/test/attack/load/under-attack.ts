import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { nodeProgram } from '../../mesh/node-program.ts';
import { startMesh, type Mesh } from '../../mesh/start-mesh.ts';
import { waitFor } from '../../mesh/wait-for.ts';
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
  during: LoadFigures;
  /** Once all attackers are there. */
  late: LoadFigures;
}

/** Honest calls go on while the attackers arrive at these gateways, and after: their arrival is a part of the attack. */
export async function underAttack(honest: HonestLoad, urls: readonly string[], options: Attack): Promise<UnderAttack> {
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

export const shown = ({ p50Ms, p99Ms }: LoadFigures): string => `${p50Ms.toFixed(1)} and ${p99Ms.toFixed(1)}`;
export const worstMs = ({ during, late }: UnderAttack): number => Math.max(during.p99Ms, late.p99Ms);
