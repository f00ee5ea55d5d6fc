import { existsSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { CROWD_LIMITS } from '../mesh/many-clients-limits.ts';
import { REPOSITORY } from '../mesh/node-program.ts';
import type { MeshOptions } from '../mesh/mesh-options.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import { atLeast, atMost, exactly, round, type Objective } from '../report/objectives.ts';
import { table } from '../report/table.ts';
import { cpuPerRequest } from './load/cpu.ts';
import { JWT, openSessions, runLoad } from './load/http-load.ts';
import type { Bench } from './main.ts';

const CONNECTIONS = 64;
const SESSIONS = 1000;
/** An odd number, so that a median is a measurement. */
const ROUNDS = 7;
/** Lengths of one stretch of load. Shorter ones have none or all of the touches that sessions get every 5 s. */
const LEAST_SECONDS = 3;

const MODES = ['steady', 'decide', 'guarded'] as const;
type Mode = (typeof MODES)[number];
/** What a change may cost: 3 %. */
const LEAST_THROUGHPUT = 0.97;
const MOST_CPU = 1.03;
/** With more runnable threads per core beside it, requests per second say more about the neighbours: then only CPU per request is judged. */
const QUIET_LOAD_PER_CORE = 0.5;
const SIDES = ['base', 'branch'] as const;
type Side = (typeof SIDES)[number];

/** The processes of a gateway; their CPU is told apart, so that a loss has a place. */
const PARTS = ['envoy', 'sidecar'] as const;
type Part = (typeof PARTS)[number];

interface Way {
  mode: Mode;
  side: Side;
  port: number;
  path: string;
  authorization: string | undefined;
  pids: Record<Part, number[]>;
  sessions: string[];
}
interface Measured {
  requestsPerSecond: number;
  cpuUs: number;
  partsUs: Record<Part, number>;
  errors: number;
}

const pid = (process: { pid: number | undefined }): number => process.pid ?? 0;
const median = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN;

/** The mesh of another checkout, started by that checkout's own code. It knows no limits where it is older than they are. */
async function startMeshOf(folder: string): Promise<Mesh> {
  const { startMesh } = (await import(pathToFileURL(resolve(folder, 'deploy/test/mesh/start-mesh.ts')).href)) as {
    startMesh: (options: MeshOptions) => Promise<Mesh>;
  };
  // The file's former name, in older checkouts, counts too.
  const knowsLimits = ['many-clients-limits', 'crowd-limits'].some((name) =>
    existsSync(resolve(folder, 'deploy/test/mesh', `${name}.ts`)),
  );
  const settings = { probe: { type: 'off' }, ...(knowsLimits ? CROWD_LIMITS : {}) };
  const program = 'deploy/test/bench/load/http-upstream.ts';
  return startMesh({
    gateways: 1,
    servers: {
      open: { replicas: 2, program, settings: { ...settings, guard: 'off' } },
      guarded: { replicas: 2, program, settings },
    },
    config: (config) => {
      config['gateway'] = { ...(config['gateway'] as object | undefined), responseOutcomes: 'off' };
    },
  });
}

async function waysOf(side: Side, mesh: Mesh): Promise<Way[]> {
  const [gateway] = mesh.gateways;
  if (gateway === undefined) throw new Error(`the mesh of the ${side} has no gateway`);
  const port = Number(new URL(gateway.url).port),
    pids = { envoy: [pid(gateway.envoy.process)], sidecar: gateway.sidecars.map(({ process }) => pid(process)) };
  return Promise.all(
    MODES.map(async (mode): Promise<Way> => {
      const path = mode === 'guarded' ? '/mcp/guarded' : '/mcp/open',
        authorization = mode === 'decide' ? JWT : undefined;
      const sessions = await openSessions(port, path, SESSIONS, authorization);
      return { mode, side, port, path, authorization, pids, sessions };
    }),
  );
}

async function measure(way: Way, seconds: number): Promise<Measured> {
  const { port, path, sessions, authorization } = way;
  const { requestsPerSecond, errors, cpuUs } = await cpuPerRequest(way.pids, () =>
    runLoad({ port, path, sessions, seconds, connections: CONNECTIONS, ...(authorization ? { authorization } : {}) }),
  );
  const partsUs = { envoy: cpuUs['envoy'] ?? Number.NaN, sidecar: cpuUs['sidecar'] ?? Number.NaN };
  return { requestsPerSecond, errors, cpuUs: partsUs.envoy + partsUs.sidecar, partsUs };
}

/** Both checkouts run at once and are loaded in turn; a round's two stretches lie side by side, so that noise meets both. */
async function runRounds(ways: readonly Way[], seconds: number): Promise<Map<Way, Measured[]>> {
  const runs = new Map(ways.map((way) => [way, [] as Measured[]]));
  for (let round = -1; round < ROUNDS; round++) {
    for (const mode of MODES) {
      const both = ways.filter((way) => way.mode === mode);
      // Who is first changes with each round; the round before the first warms both up.
      for (const way of round % 2 === 0 ? both : both.toReversed()) {
        const measured = await measure(way, seconds);
        if (round >= 0) runs.get(way)?.push(measured);
      }
    }
  }
  return runs;
}

export const bench: Bench = {
  description:
    'another checkout’s mesh (--base FOLDER, installed and set up) against this one’s, in turn on this machine',
  async run({ say, seconds, base }) {
    if (base === undefined || !existsSync(resolve(base, 'deploy/test/mesh/start-mesh.ts')))
      throw new Error(
        '--base must name the folder of another checkout of this repository, with its packages installed',
      );
    const isQuiet = (loadavg()[0] ?? 0) / availableParallelism() < QUIET_LOAD_PER_CORE;
    say(isQuiet ? 'the machine is quiet' : 'the machine is busy: only CPU per request is judged');
    await using baseMesh = await startMeshOf(resolve(base));
    await using branchMesh = await startMeshOf(REPOSITORY);
    const ways = [...(await waysOf('base', baseMesh)), ...(await waysOf('branch', branchMesh))];
    const runs = await runRounds(ways, Math.max(LEAST_SECONDS, seconds));
    const of = (mode: Mode, side: Side): Measured[] =>
      [...runs].find(([way]) => way.mode === mode && way.side === side)?.[1] ?? [];
    const figures = MODES.map((mode) => {
      const [before, after] = SIDES.map((side) => of(mode, side)) as [Measured[], Measured[]];
      const ratios = before.map(
        (one, index) => (after[index]?.requestsPerSecond ?? Number.NaN) / one.requestsPerSecond,
      );
      return {
        mode,
        throughput: median(ratios),
        lowest: Math.min(...ratios),
        highest: Math.max(...ratios),
        cpuUs: { base: median(before.map(({ cpuUs }) => cpuUs)), branch: median(after.map(({ cpuUs }) => cpuUs)) },
        parts: PARTS.map((part) => ({
          part,
          base: median(before.map(({ partsUs }) => partsUs[part])),
          branch: median(after.map(({ partsUs }) => partsUs[part])),
        })),
        errors: [...before, ...after].reduce((sum, { errors }) => sum + errors, 0),
      };
    });
    say(
      table(
        [
          'mode',
          'requests/s branch ÷ base',
          'lowest',
          'highest',
          'base µs',
          'branch µs',
          'branch µs ÷ base µs',
          'Envoy, sidecar: base → branch',
          'errors',
        ],
        figures.map(({ mode, throughput, lowest, highest, cpuUs, parts, errors }) => [
          mode,
          ...[throughput, lowest, highest].map(round),
          ...[cpuUs.base, cpuUs.branch, cpuUs.branch / cpuUs.base].map(round),
          parts.map(({ base, branch }) => `${round(base)} → ${round(branch)}`).join(', '),
          errors,
        ]),
      ),
    );
    const objectives = figures.flatMap(({ mode, throughput, cpuUs }): Objective[] => [
      atMost(`${mode}: CPU per request, this checkout ÷ base`, MOST_CPU, cpuUs.branch / cpuUs.base),
      ...(isQuiet ? [atLeast(`${mode}: requests/s, this checkout ÷ base`, LEAST_THROUGHPUT, throughput)] : []),
    ]);
    const errors = figures.reduce((sum, one) => sum + one.errors, 0);
    return { objectives: [...objectives, exactly('errors', 0, errors)], figures: { modes: figures } };
  },
};
