import { availableParallelism } from 'node:os';
import type { Bench } from './main.ts';
import { cpuPerRequest, residentMiB } from './load/cpu.ts';
import { JWT, openSessions, runLoad, type LoadResult } from './load/http-load.ts';
import { plainEnvoy } from './load/plain-envoy.ts';
import { freePorts } from '../mesh/free-port.ts';
import { startEnvoy, type Envoy } from '../mesh/start-envoy.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { atLeast, atMost, exactly, round } from '../report/objectives.ts';
import { table } from '../report/table.ts';

const MANY_SESSIONS = 5000;
const KNOWN_SESSIONS = 50_000;
const ROUNDS = 3;
/** Envoy's own default: a worker thread for each core. With one, the busiest thread and not the work would be compared. */
const WORKERS = availableParallelism();
const program = 'deploy/bench/load/upstream.ts';

interface Way { name: string; port: number; path: string; authorization?: string; pids: Record<string, number[]>; sessions: string[] }
type Measured = LoadResult & { cpuUs: Record<string, number> };

const pid = (process: { pid: number | undefined }): number => process.pid ?? 0;

function waysThrough(mesh: Mesh, envoys: Record<string, { envoy: Envoy; port: number }>): Way[] {
  const upstream = mesh.replicas.map(({ process }) => pid(process));
  const gateway = mesh.gateways[0]!;
  const pids = { envoy: [pid(gateway.envoy.process)], sidecar: gateway.sidecars.map(({ process }) => pid(process)), upstream };
  const port = Number(new URL(gateway.url).port);
  const plain = Object.entries(envoys).map(([name, one]): Way => ({ name, port: one.port, path: '/mcp', pids: { envoy: [pid(one.envoy.process)], sidecar: [], upstream }, sessions: [] }));
  return [
    ...plain,
    { name: 'Holdfast steady', port, path: '/mcp/direct', pids, sessions: [] },
    { name: 'Holdfast decide', port, path: '/mcp/direct', authorization: JWT, pids, sessions: [] },
    { name: 'Holdfast guarded', port, path: '/mcp/guarded', pids, sessions: [] },
  ];
}

const middle = (runs: readonly Measured[]): Measured => [...runs].sort((a, b) => a.requestsPerSecond - b.requestsPerSecond)[Math.floor(runs.length / 2)]!;

/** Rounds go through all ways in turn, so that a noisy machine disturbs each alike; the median round counts. */
async function compare(ways: readonly Way[], connections: number, sessions: number, seconds: number): Promise<Map<string, Measured>> {
  const runs = new Map(ways.map(({ name }) => [name, [] as Measured[]]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of ways) {
      const load = () => runLoad({ port: way.port, path: way.path, connections, seconds, sessions: way.sessions.slice(0, sessions), ...(way.authorization ? { authorization: way.authorization } : {}) });
      runs.get(way.name)!.push(await cpuPerRequest(way.pids, load));
    }
  }
  return new Map([...runs].map(([name, list]) => [name, { ...middle(list), errors: list.reduce((sum, run) => sum + run.errors, 0) }]));
}

export const bench: Bench = {
  says: 'the same replicas through bare Envoy, Envoy’s own affinity, and Holdfast’s ways, everything on this machine',
  async run({ say, seconds }) {
    await using mesh = await startMesh({
      gateways: 1, envoyConcurrency: WORKERS,
      servers: { direct: { replicas: 2, program, settings: { guard: 'off', probe: { type: 'off' } } }, guarded: { replicas: 2, program, settings: { probe: { type: 'off' } } } },
      config: (config) => { config['gateway'] = { ...(config['gateway'] as object | undefined), responseOutcomes: 'off' }; },
    });
    const replicaPorts = mesh.replicasOf('direct').map(({ address }) => Number(address.split(':')[1]));
    const [barePort, envelopePort] = await freePorts(2) as [number, number];
    const bare = { port: barePort, envoy: await startEnvoy({ config: plainEnvoy(barePort, replicaPorts, 'none'), name: 'bare', concurrency: WORKERS }) };
    const envelope = { port: envelopePort, envoy: await startEnvoy({ config: plainEnvoy(envelopePort, replicaPorts, 'envelope'), name: 'envelope', concurrency: WORKERS }) };
    try {
      await openSessions(Number(new URL(mesh.gateways[0]!.url).port), '/mcp/direct', KNOWN_SESSIONS);
      const memory = residentMiB(pid(mesh.gateways[0]!.sidecars[0]!.process));
      say(`sidecar with ${KNOWN_SESSIONS} sessions known: ${Math.round(memory)} MiB`);
      const ways = waysThrough(mesh, { 'bare Envoy': bare, 'Envoy envelope': envelope });
      for (const way of ways) way.sessions = await openSessions(way.port, way.path, MANY_SESSIONS, way.authorization);
      const extProcBefore = await mesh.gateways[0]!.envoy.stats('ext_proc.*streams_started');
      const results: { connections: number; sessions: number; measured: Map<string, Measured> }[] = [];
      for (const connections of [1, 64]) {
        for (const sessions of [1, MANY_SESSIONS]) {
          const measured = await compare(ways, connections, sessions, seconds);
          results.push({ connections, sessions, measured });
          const base = measured.get('Envoy envelope')!.requestsPerSecond;
          say(`\n${connections} connection(s), ${sessions} session(s)\n${table(
            ['way', 'requests/s', '÷ envelope', 'p50 ms', 'p99 ms', 'errors', 'Envoy µs', 'sidecar µs', 'replica µs'],
            [...measured].map(([name, run]) => [name, Math.round(run.requestsPerSecond), round(run.requestsPerSecond / base), round(run.p50Ms), round(run.p99Ms), run.errors, run.cpuUs['envoy']!, run.cpuUs['sidecar']!, run.cpuUs['upstream']!]),
          )}`);
        }
      }
      say(`\next_proc streams before and after: ${JSON.stringify(extProcBefore)} ${JSON.stringify(await mesh.gateways[0]!.envoy.stats('ext_proc.*streams_started'))}`);
      const last = results.at(-1)!.measured;
      const ratio = (name: string): number => last.get(name)!.requestsPerSecond / last.get('Envoy envelope')!.requestsPerSecond;
      return {
        objectives: [
          atLeast('steady ÷ envelope, 64 connections, 5,000 sessions', 0.75, ratio('Holdfast steady')),
          atLeast('decide ÷ envelope, 64 connections, 5,000 sessions', 0.4, ratio('Holdfast decide')),
          atMost(`sidecar memory with ${KNOWN_SESSIONS} sessions known (MiB)`, 200, memory),
          exactly('errors', 0, results.reduce((sum, { measured }) => sum + [...measured.values()].reduce((errors, run) => errors + run.errors, 0), 0)),
        ],
        figures: { results: results.map(({ measured, ...rest }) => ({ ...rest, ways: Object.fromEntries(measured) })) },
      };
    } finally {
      await bare.envoy.close();
      await envelope.envoy.close();
    }
  },
};
