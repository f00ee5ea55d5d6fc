import { median } from '../../report/median.ts';
import type { MeshConfig, MeshOptions } from '../../mesh/mesh-options.ts';
import { CROWD_LIMITS } from '../../mesh/many-clients-limits.ts';
import type { Mesh } from '../../mesh/start-mesh.ts';
import { cpuPerRequest } from './cpu.ts';
import { JWT, openSessions, runLoad } from './http-load.ts';

const CONNECTIONS = 64;
const SESSIONS = 1000;
/** An odd number, so that a median is a measurement. */
const ROUNDS = 7;
/** Lengths of one stretch of load. Shorter ones have none or all of the touches that sessions get every 5 s. */
const LEAST_SECONDS = 3;
/** Calls of each mode before anything counts: V8 goes on compiling a sidecar's code for about so many. */
const WARM_CALLS = 15_000;

export const MODES = ['steady', 'decide', 'guarded'] as const;
export type Mode = (typeof MODES)[number];

/** The processes of a gateway; their CPU is told apart, so that a loss has a place. */
const PARTS = ['envoy', 'sidecar'] as const;
type Part = (typeof PARTS)[number];

/** A side that differs from another one of the same mesh by what goes on during its stretches of load. */
export interface Disturbed {
  mesh: Mesh;
  /** Begins before a stretch of load; what it returns ends it after the stretch. */
  during(): Promise<() => void>;
}
type Side = Mesh | Disturbed;

interface Way {
  mode: Mode;
  side: string;
  during: Disturbed['during'] | undefined;
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

/** One mode of one side against the first side. */
export interface Compared {
  mode: Mode;
  side: string;
  /** Requests per second, this side ÷ the first: median, lowest and highest of the rounds. */
  throughput: number;
  lowest: number;
  highest: number;
  /** CPU of Envoy and sidecar per request, in µs. */
  cpuUs: { first: number; this: number };
  /** The same of the least disturbed round of each side: neighbours on the machine only ever add. */
  leastCpuUs: { first: number; this: number };
  parts: { part: Part; first: number; this: number }[];
  errors: number;
}

const pid = (process: { pid: number | undefined }): number => process.pid ?? 0;

const least = (measured: readonly Measured[]): number => Math.min(...measured.map(({ cpuUs }) => cpuUs));

/** A mesh of one gateway with a server for each mode. `limits`: what a server is given so that one client may send it all of the load. */
export const benchMesh = (limits: object = CROWD_LIMITS, change?: (config: MeshConfig) => void): MeshOptions => {
  const settings = { probe: { type: 'off' }, ...limits };
  const program = 'deploy/test/bench/load/http-upstream.ts';
  return {
    gateways: 1,
    servers: {
      open: { replicas: 2, program, settings: { ...settings, guard: 'off' } },
      guarded: { replicas: 2, program, settings },
    },
    config: (config) => {
      config['gateway'] = { ...(config['gateway'] as object | undefined), responseOutcomes: 'off' };
      change?.(config);
    },
  };
};

async function waysOf(side: string, given: Side): Promise<Way[]> {
  const { mesh, during } = 'during' in given ? given : { mesh: given, during: undefined };
  const [gateway] = mesh.gateways;
  if (gateway === undefined) throw new Error(`the mesh of ${side} has no gateway`);
  const port = Number(new URL(gateway.url).port),
    pids = { envoy: [pid(gateway.envoy.process)], sidecar: gateway.sidecars.map(({ process }) => pid(process)) };
  return Promise.all(
    MODES.map(async (mode): Promise<Way> => {
      const path = mode === 'guarded' ? '/mcp/guarded' : '/mcp/open',
        authorization = mode === 'decide' ? JWT : undefined;
      const sessions = await openSessions(port, path, SESSIONS, authorization);
      return { mode, side, during, port, path, authorization, pids, sessions };
    }),
  );
}

async function measure(way: Way, seconds: number): Promise<Measured> {
  const { port, path, sessions, authorization } = way;
  const end = await way.during?.();
  const { requestsPerSecond, errors, cpuUs } = await cpuPerRequest(way.pids, () =>
    runLoad({ port, path, sessions, seconds, connections: CONNECTIONS, ...(authorization ? { authorization } : {}) }),
  ).finally(() => end?.());
  const partsUs = { envoy: cpuUs['envoy'] ?? Number.NaN, sidecar: cpuUs['sidecar'] ?? Number.NaN };
  return { requestsPerSecond, errors, cpuUs: partsUs.envoy + partsUs.sidecar, partsUs };
}

async function warmUp({ port, path, sessions, authorization }: Way): Promise<void> {
  for (let calls = 0; calls < WARM_CALLS; ) {
    const { requests, errors } = await runLoad({
      ...{ port, path, sessions, seconds: LEAST_SECONDS, connections: CONNECTIONS },
      ...(authorization ? { authorization } : {}),
    });
    if (errors === requests)
      throw new Error(`no call of the warm-up through port ${port}, ${path}, was answered with 200`);
    calls += requests;
  }
}

/**
 * All sides run at once and are loaded in turn; a round's stretches lie side by side, so that noise meets all of them.
 * Two meshes that are alike differ by some percent: a side that can be one of the first's mesh should be (`Disturbed`).
 */
export async function compareMeshes(sides: ReadonlyMap<string, Side>, seconds: number): Promise<Compared[]> {
  const ways: Way[] = [];
  for (const [side, given] of sides) ways.push(...(await waysOf(side, given)));
  const runs = new Map(ways.map((way) => [way, [] as Measured[]]));
  for (const way of ways) await warmUp(way);
  for (let round = 0; round < ROUNDS; round++) {
    for (const mode of MODES) {
      const all = ways.filter((way) => way.mode === mode);
      // Who is first changes with each round.
      for (const way of round % 2 === 0 ? all : all.toReversed()) {
        const measured = await measure(way, Math.max(LEAST_SECONDS, seconds));
        runs.get(way)?.push(measured);
      }
    }
  }
  const [first = '', ...others] = sides.keys();
  const of = (mode: Mode, side: string): Measured[] =>
    [...runs].find(([way]) => way.mode === mode && way.side === side)?.[1] ?? [];
  return others.flatMap((side) => MODES.map((mode) => compare(mode, side, of(mode, first), of(mode, side))));
}

function compare(mode: Mode, side: string, first: readonly Measured[], other: readonly Measured[]): Compared {
  const ratios = first.map((one, index) => (other[index]?.requestsPerSecond ?? Number.NaN) / one.requestsPerSecond);
  return {
    mode,
    side,
    throughput: median(ratios),
    lowest: Math.min(...ratios),
    highest: Math.max(...ratios),
    cpuUs: { first: median(first.map(({ cpuUs }) => cpuUs)), this: median(other.map(({ cpuUs }) => cpuUs)) },
    leastCpuUs: { first: least(first), this: least(other) },
    parts: PARTS.map((part) => ({
      part,
      first: median(first.map(({ partsUs }) => partsUs[part])),
      this: median(other.map(({ partsUs }) => partsUs[part])),
    })),
    errors: [...first, ...other].reduce((sum, { errors }) => sum + errors, 0),
  };
}
