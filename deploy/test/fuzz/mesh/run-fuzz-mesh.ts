import { startAttackMesh } from '../../attack/attack-mesh.ts';
import { ProcessWatch } from '../../attack/process-watch.ts';
import type { MeshConfig } from '../../mesh/mesh-options.ts';
import { exactly, type Objective } from '../../report/objectives.ts';
import { mutate, randomFrom } from '../mutate.ts';
import { FuzzRig } from './fuzz-rig.ts';
import { closeRedis } from './surfaces/redis.ts';
import { SURFACES } from './surfaces/index.ts';
import { pick, type Surface } from './surface.ts';

export interface MeshFuzzOptions {
  executions: number;
  seed: number;
  /** Number of the first execution; with `executions: 1` one of an earlier run is repeated. */
  first?: number;
  surfaces?: readonly string[];
  workers?: number;
  /** Inputs of earlier failures, tried first. */
  corpus?: (surface: string) => readonly Buffer[];
  say?: (line: string) => void;
}

export interface MeshFuzzFailure {
  surface: string;
  /** Number of the execution: `--seed S --first N --executions 1` repeats it. */
  execution: number;
  problem: string;
  input: Buffer;
}

export interface MeshFuzzReport {
  objectives: Objective[];
  failures: MeshFuzzFailure[];
  bySurface: Record<string, number>;
  seconds: number;
}

interface Planned {
  execution: number;
  surface: Surface;
  input: Buffer;
  random: () => number;
}

const WORKERS = 64;
/** Executions between two looks at the processes. */
const ROUND = 5000;

/** The input of one execution: it depends on the seed and its number alone. */
function plan(
  seed: number,
  execution: number,
  surfaces: readonly Surface[],
  corpus: MeshFuzzOptions['corpus'],
): Planned {
  const random = randomFrom((seed ^ Math.imul(execution + 1, 0x9e3779b1)) >>> 0);
  const total = surfaces.reduce((sum, { share }) => sum + share, 0);
  let at = random() * total;
  const surface =
    surfaces.find(({ share }) => {
      at -= share;
      return at < 0;
    }) ?? surfaces[0];
  if (!surface) throw new Error('no surface');
  const parents = [...surface.seeds, ...(corpus?.(surface.name) ?? [])];
  const parent = pick(parents, random);
  // Half of the inputs are mutated twice: once here, once by the surface.
  return { execution, surface, input: random() < 0.5 ? parent : mutate(parent, random, 4096), random };
}

/** What the mesh may take for a rebuilt session comes off the second that an answer may take. */
function makeImpatient({ servers }: MeshConfig): void {
  for (const server of servers) {
    server['timeouts'] = { callMs: 700, connectMs: 300, initializeMs: 500, recoveryMs: 500 };
    // Replicas that answer with garbage would be left alone after a few calls.
    server['replicaBreaker'] = { enabled: false };
    server['toolBreaker'] = { enabled: false };
  }
}

/** Mutated input on every way into a running mesh. What is late or fails once is tried again alone, and only then counts. */
export async function runFuzzMesh(options: MeshFuzzOptions): Promise<MeshFuzzReport> {
  const { executions, seed, first = 0, workers = WORKERS, say = () => {} } = options;
  const surfaces = SURFACES.filter(({ name }) => options.surfaces === undefined || options.surfaces.includes(name));
  const startedAt = performance.now();
  const failures: MeshFuzzFailure[] = [];
  const bySurface: Record<string, number> = {};
  const marker = `zq${seed.toString(36)}fuzzsecret`;
  await using mesh = await startAttackMesh({ config: makeImpatient });
  const rig = new FuzzRig(mesh, marker);
  const watch = new ProcessWatch(mesh.mesh);
  const inFlight = new Map<number, Planned>();
  const crashes: string[] = [];
  for (const process of mesh.mesh.processes())
    process.onCrash = (exit, log) => {
      crashes.push(process.name);
      say(`${process.name} ended (${exit.code ?? exit.signal}): ${log.slice(-600)}`);
      for (const one of inFlight.values()) fail(one, `${process.name} ended meanwhile`);
    };
  const fail = ({ surface, execution, input }: Planned, problem: string): void => {
    failures.push({ surface: surface.name, execution, problem, input });
    say(`${surface.name} #${execution}: ${problem}`);
  };
  const run = async (one: Planned, worker: number): Promise<string | null> => {
    inFlight.set(one.execution, one);
    try {
      return await one.surface.execute(one.input, { rig, worker, random: one.random });
    } catch (error) {
      return `failed: ${String(error)}`;
    } finally {
      inFlight.delete(one.execution);
    }
  };
  const tooLarge = new Set<string>();
  let done = 0;
  try {
    for (let from = first; from < first + executions && crashes.length === 0; from += ROUND) {
      const to = Math.min(from + ROUND, first + executions);
      const suspects: number[] = [];
      let next = from;
      await Promise.all(
        Array.from({ length: workers }, async (_, worker) => {
          while (next < to && crashes.length === 0) {
            const one = plan(seed, next++, surfaces, options.corpus);
            bySurface[one.surface.name] = (bySurface[one.surface.name] ?? 0) + 1;
            if ((await run(one, worker)) !== null) suspects.push(one.execution);
            done++;
          }
        }),
      );
      for (const execution of suspects.slice(0, 50)) {
        if (crashes.length > 0) break;
        const again = plan(seed, execution, surfaces, options.corpus);
        const problem = await run(again, workers);
        if (problem !== null) fail(again, problem);
      }
      for (const text of watch.take().tooLarge) tooLarge.add(text);
      if (to % (ROUND * 2) === 0) say(`${to} executions, ${suspects.length} tried again, ${failures.length} failures`);
    }
    const leaks = mesh.mesh.processes().filter((process) => process.log().includes(marker));
    const seconds = (performance.now() - startedAt) / 1000;
    return {
      failures,
      bySurface,
      seconds,
      objectives: [
        { name: 'executions', goal: `≥ ${executions}`, measured: done, met: done >= executions },
        exactly('processes that ended', 0, crashes.length),
        exactly('inputs without an answer within 1 s, tried twice', 0, failures.length),
        exactly('processes over their shipped memory limit', 0, tooLarge.size),
        exactly('logs that hold a secret of a request', 0, leaks.length),
      ],
    };
  } finally {
    closeRedis(rig);
    rig.close();
  }
}
