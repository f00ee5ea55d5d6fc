import { cpuPerRequest } from './load/cpu.ts';
import { openSessions, runLoad, type LoadResult } from './load/http-load.ts';
import type { Bench } from './main.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { atLeast, atMost, exactly, round } from '../report/objectives.ts';
import { table } from '../report/table.ts';

/** Many short rounds: a shared machine's speed changes within seconds, and each way shall have its share of good ones. */
const ROUNDS = 12;
const ROUND_SHARE = 1 / 5;
const SESSIONS = 500;
const CONNECTIONS = 32;
/** What the gateway is told, from nothing to everything. The benchmark's replicas answer with events, as official servers do. */
const VARIANTS: Record<string, object> = {
  off: { accessLogs: false, responseOutcomes: 'off' },
  'access logs': { accessLogs: true, responseOutcomes: 'off' },
  'and events read': { accessLogs: true, responseOutcomes: 'events' },
};
const WHOLE = 'and events read';

interface Way {
  name: string;
  mesh: Mesh;
  port: number;
  sessions: string[];
}
type Measured = LoadResult & { cpuUs: Record<string, number> };

const start = (gateway: object): Promise<Mesh> =>
  startMesh({
    gateways: 1,
    servers: {
      direct: {
        replicas: 2,
        program: 'deploy/test/bench/load/upstream.ts',
        args: ['--events'],
        settings: { guard: 'off', probe: { type: 'off' } },
      },
    },
    config: (config) => {
      config['gateway'] = { ...(config['gateway'] as object | undefined), ...gateway };
    },
  });

function measure({ mesh, port, sessions }: Way, seconds: number): Promise<Measured> {
  const gateway = mesh.gateways[0]!,
    pid = (process: { pid: number | undefined }): number => process.pid ?? 0;
  const pids = { envoy: [pid(gateway.envoy.process)], sidecar: gateway.sidecars.map(({ process }) => pid(process)) };
  return cpuPerRequest(pids, () => runLoad({ port, path: '/mcp/direct', connections: CONNECTIONS, seconds, sessions }));
}

/** How many outcomes of calls the sidecar has counted. */
async function counted({ mesh }: Way): Promise<number> {
  const text = await (await fetch(`${mesh.gateways[0]!.sidecars[0]!.adminUrl}/metrics`)).text();
  return [...text.matchAll(/^mcp_requests_total\{.*method="tools\/call".*\} (\d+)$/gm)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  );
}

/** The best round: whatever else a machine does makes a round slower, never faster. */
const best = (runs: readonly Measured[]): Measured =>
  runs.reduce((one, other) => (other.requestsPerSecond > one.requestsPerSecond ? other : one));

export const bench: Bench = {
  description:
    'steady requests with the whole outcome pipeline on and off: access logs, breakers, metrics, session activity; one Envoy worker thread',
  async run({ say, seconds }) {
    const ways: Way[] = [];
    try {
      for (const [name, gateway] of Object.entries(VARIANTS)) {
        const mesh = await start(gateway),
          port = Number(new URL(mesh.gateways[0]!.url).port);
        ways.push({ name, mesh, port, sessions: [] });
        ways.at(-1)!.sessions = await openSessions(port, '/mcp/direct', SESSIONS);
      }
      const runs = new Map(ways.map(({ name }) => [name, [] as Measured[]]));
      // In turn, so that whatever else the machine does disturbs each alike; the first round warms up and does not count.
      for (let round = 0; round <= ROUNDS; round++)
        for (const way of ways) {
          const measured = await measure(way, Math.max(0.5, seconds * ROUND_SHARE));
          runs.get(way.name)!.push(measured);
        }
      const sent = new Map([...runs].map(([name, list]) => [name, list.reduce((sum, run) => sum + run.requests, 0)]));
      const of = new Map([...runs].map(([name, [, ...list]]) => [name, best(list)]));
      const off = of.get('off')!.requestsPerSecond;
      say(
        table(
          ['pipeline', 'requests/s', '÷ off', 'p99 ms', 'errors', 'Envoy µs', 'sidecar µs'],
          [...of].map(([name, run]) => [
            name,
            Math.round(run.requestsPerSecond),
            round(run.requestsPerSecond / off),
            round(run.p99Ms),
            run.errors,
            run.cpuUs['envoy']!,
            run.cpuUs['sidecar']!,
          ]),
        ),
      );
      // Access logs arrive in batches: the last one is a moment behind.
      const whole = ways.find(({ name }) => name === WHOLE)!;
      for (
        const endMs = performance.now() + 10_000;
        performance.now() < endMs && (await counted(whole)) < sent.get(WHOLE)!;
      )
        await new Promise((resolve) => {
          setTimeout(resolve, 50);
        });
      return {
        objectives: [
          atLeast('requests per second, whole pipeline ÷ off', 0.75, of.get(WHOLE)!.requestsPerSecond / off),
          atMost('sidecar CPU per request, whole pipeline (µs)', 15, of.get(WHOLE)!.cpuUs['sidecar']!),
          exactly('outcomes counted, of those sent', sent.get(WHOLE)!, await counted(whole)),
          exactly(
            'errors',
            0,
            [...runs.values()].flat().reduce((sum, run) => sum + run.errors, 0),
          ),
        ],
        figures: { ways: Object.fromEntries(of) },
      };
    } finally {
      await Promise.all(ways.map(({ mesh }) => mesh.close()));
    }
  },
};
