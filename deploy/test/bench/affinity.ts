import { CROWD_LIMITS } from '../mesh/many-clients-limits.ts';
import { availableParallelism } from 'node:os';
import type { Bench } from './main.ts';
import { cpuPerRequest, residentMiB } from './load/cpu.ts';
import { JWT, openSessions, runLoad, type LoadResult } from './load/http-load.ts';
import { plainEnvoy } from './load/plain-envoy.ts';
import { freePort } from '../mesh/free-port.ts';
import { startEnvoy, type Envoy } from '../mesh/start-envoy.ts';
import type { MeshOptions } from '../mesh/mesh-options.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { atLeast, atMost, exactly, round } from '../report/objectives.ts';
import { table } from '../report/table.ts';

const MANY_SESSIONS = 5000;
const KNOWN_SESSIONS = 50_000;
/** Not shorter than some seconds each: sessions are touched every 5 s, and a short round would have all of those touches in it. */
const ROUNDS = 3;
const ENVELOPE = 'Envoy envelope';
/** Envoy's own default: a worker thread for each core. With one, the busiest thread and not the work would be compared. */
const WORKERS = availableParallelism();
/** Replicas that the goals are measured with, and the cheapest ones that can be written, which show the mesh's share at its largest. */
const PROGRAMS = {
  http: 'deploy/test/bench/load/http-upstream.ts',
  raw: 'deploy/test/bench/load/upstream.ts',
} as const;
type ReplicaClient = keyof typeof PROGRAMS;

interface Way {
  name: string;
  port: number;
  path: string;
  authorization?: string;
  pids: Record<string, number[]>;
  sessions: string[];
}
type Measured = LoadResult & { cpuUs: Record<string, number> };

const pid = (process: { pid: number | undefined }): number => process.pid ?? 0;

interface Plain {
  affinity: 'none' | 'envelope';
  upstream: ReplicaClient;
  port: number;
  envoy: Envoy;
}

function waysThrough(mesh: Mesh, plains: readonly Plain[], upstream: ReplicaClient): Way[] {
  const replicas = (server: string): number[] => mesh.replicasOf(server).map(({ process }) => pid(process));
  const gateway = mesh.gateways[0]!,
    port = Number(new URL(gateway.url).port);
  const own = { envoy: [pid(gateway.envoy.process)], sidecar: gateway.sidecars.map(({ process }) => pid(process)) };
  const plain = plains
    .filter((one) => one.upstream === upstream)
    .map(
      (one): Way => ({
        name: one.affinity === 'none' ? 'bare Envoy' : ENVELOPE,
        port: one.port,
        path: '/mcp',
        pids: { envoy: [pid(one.envoy.process)], sidecar: [], upstream: replicas(upstream) },
        sessions: [],
      }),
    );
  const holdfast = (name: string, server: string, more: Partial<Way> = {}): Way => ({
    name,
    port,
    path: `/mcp/${server}`,
    pids: { ...own, upstream: replicas(server) },
    sessions: [],
    ...more,
  });
  return [
    ...plain,
    holdfast('Holdfast steady', upstream),
    holdfast('Holdfast decide', upstream, { authorization: JWT }),
    holdfast('Holdfast guarded', `${upstream}-guarded`),
  ];
}

const best = (runs: readonly Measured[]): Measured =>
  runs.reduce((one, other) => (other.requestsPerSecond > one.requestsPerSecond ? other : one));

/**
 * Rounds go through all ways in turn, so that a noisy machine disturbs each alike. The best round counts, because other
 * work makes a round slower, never faster.
 */
async function compare(
  ways: readonly Way[],
  connections: number,
  sessions: number,
  seconds: number,
): Promise<Map<string, Measured>> {
  const runs = new Map(ways.map(({ name }) => [name, [] as Measured[]]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of ways) {
      const load = () =>
        runLoad({
          port: way.port,
          path: way.path,
          connections,
          seconds,
          sessions: way.sessions.slice(0, sessions),
          ...(way.authorization ? { authorization: way.authorization } : {}),
        });
      runs.get(way.name)!.push(await cpuPerRequest(way.pids, load));
    }
  }
  return new Map(
    [...runs].map(([name, list]) => [name, { ...best(list), errors: list.reduce((sum, run) => sum + run.errors, 0) }]),
  );
}

const servers = (): NonNullable<MeshOptions['servers']> =>
  Object.fromEntries(
    Object.entries(PROGRAMS).flatMap(([name, program]) => [
      [name, { replicas: 2, program, settings: { guard: 'off', probe: { type: 'off' }, ...CROWD_LIMITS } }],
      [`${name}-guarded`, { replicas: 2, program, settings: { probe: { type: 'off' }, ...CROWD_LIMITS } }],
    ]),
  );

async function startPlain(mesh: Mesh, upstream: ReplicaClient, affinity: Plain['affinity']): Promise<Plain> {
  const port = await freePort(),
    replicas = mesh.replicasOf(upstream).map(({ address }) => Number(address.split(':')[1]));
  return {
    affinity,
    upstream,
    port,
    envoy: await startEnvoy({
      config: plainEnvoy(port, replicas, affinity),
      name: `${affinity}-${upstream}`,
      concurrency: WORKERS,
    }),
  };
}

export const bench: Bench = {
  description:
    'the same replicas through bare Envoy, Envoy’s own affinity, and Holdfast’s routing modes, everything on this machine',
  async run({ say, seconds }) {
    await using mesh = await startMesh({
      gateways: 1,
      envoyConcurrency: WORKERS,
      servers: servers(),
      config: (config) => {
        config['gateway'] = { ...(config['gateway'] as object | undefined), responseOutcomes: 'off' };
      },
    });
    const gateway = mesh.gateways[0]!,
      plains: Plain[] = [];
    try {
      for (const upstream of ['http', 'raw'] as const)
        for (const affinity of ['none', 'envelope'] as const) plains.push(await startPlain(mesh, upstream, affinity));
      await openSessions(Number(new URL(gateway.url).port), '/mcp/raw', KNOWN_SESSIONS);
      const memory = residentMiB(pid(gateway.sidecars[0]!.process));
      say(`sidecar with ${KNOWN_SESSIONS} sessions known: ${Math.round(memory)} MiB`);
      const extProcBefore = await gateway.envoy.stats('ext_proc.*streams_started');
      const results: {
        upstream: ReplicaClient;
        connections: number;
        sessions: number;
        measured: Map<string, Measured>;
      }[] = [];
      const ratio = (measured: Map<string, Measured>, name: string): number =>
        measured.get(name)!.requestsPerSecond / measured.get(ENVELOPE)!.requestsPerSecond;
      for (const upstream of ['http', 'raw'] as const) {
        const ways = waysThrough(mesh, plains, upstream);
        for (const way of ways) way.sessions = await openSessions(way.port, way.path, MANY_SESSIONS, way.authorization);
        for (const [connections, sessions] of upstream === 'http'
          ? ([
              [1, 1],
              [1, MANY_SESSIONS],
              [64, 1],
              [64, MANY_SESSIONS],
            ] as const)
          : ([[64, MANY_SESSIONS]] as const)) {
          const measured = await compare(ways, connections, sessions, seconds);
          results.push({ upstream, connections, sessions, measured });
          say(
            `\n${connections} connection(s), ${sessions} session(s), replicas: ${upstream === 'http' ? 'node:http' : 'raw sockets'}\n${table(
              [
                'mode',
                'requests/s',
                '÷ envelope',
                'p50 ms',
                'p99 ms',
                'errors',
                'Envoy µs',
                'sidecar µs',
                'replica µs',
              ],
              [...measured].map(([name, run]) => [
                name,
                Math.round(run.requestsPerSecond),
                round(ratio(measured, name)),
                round(run.p50Ms),
                round(run.p99Ms),
                run.errors,
                run.cpuUs['envoy']!,
                run.cpuUs['sidecar']!,
                run.cpuUs['upstream']!,
              ]),
            )}`,
          );
        }
      }
      say(
        `\next_proc streams before and after: ${JSON.stringify(extProcBefore)} ${JSON.stringify(await gateway.envoy.stats('ext_proc.*streams_started'))}`,
      );
      const goal = results.find(
        (one) => one.upstream === 'http' && one.connections === 64 && one.sessions === MANY_SESSIONS,
      )!.measured;
      return {
        objectives: [
          atLeast('steady ÷ envelope, 64 connections, 5,000 sessions', 0.75, ratio(goal, 'Holdfast steady')),
          atLeast('decide ÷ envelope, 64 connections, 5,000 sessions', 0.4, ratio(goal, 'Holdfast decide')),
          atMost(`sidecar memory with ${KNOWN_SESSIONS} sessions known (MiB)`, 200, memory),
          exactly(
            'errors',
            0,
            results.reduce(
              (sum, { measured }) => sum + [...measured.values()].reduce((errors, run) => errors + run.errors, 0),
              0,
            ),
          ),
        ],
        figures: { results: results.map(({ measured, ...rest }) => ({ ...rest, ways: Object.fromEntries(measured) })) },
      };
    } finally {
      await Promise.all(plains.map(({ envoy }) => envoy.close()));
    }
  },
};
