import { freePorts } from '../mesh/free-port.ts';
import { ManagedProcess } from '../mesh/managed-process.ts';
import { nodeProgram, REPOSITORY } from '../mesh/node-program.ts';
import { temporaryFolder } from '../mesh/temporary-folder.ts';
import { answers } from '../mesh/wait-for.ts';
import { atMost, exactly, round, type Objective } from '../report/objectives.ts';
import { table } from '../report/table.ts';
import { endsOf, type Fleet, type Target } from './growth/fleet.ts';
import { startFleetGateway, type FleetGateway } from './growth/gateway.ts';
import { cpuPerRequest } from './load/cpu.ts';
import { runLoad } from './load/http-load.ts';
import type { Bench } from './main.ts';

/** Many short stretches rather than few long ones: a busy machine's speed changes within seconds, and each point shall have its share of good ones. */
const ROUNDS = 16;
const CONNECTIONS = 32;
const SESSIONS = 100;
/** Of one stretch of load; one for each point makes a round. */
const LEAST_SECONDS = 0.3;
const MOST_SECONDS = 3;
/** What a request may cost more in the largest fleet than in the smallest. */
const MOST_GROWTH = 1.05;

const replicas = (count: number, guard: Fleet['guard']): Fleet => ({
  name: `${count} replicas${guard === 'off' ? '' : ', guarded'}`,
  servers: 1,
  replicasOfEach: count,
  guard,
});
const servers = (count: number): Fleet => ({
  name: `${count} ${count === 1 ? 'server' : 'servers'} of 3 replicas`,
  servers: count,
  replicasOfEach: 3,
  guard: 'off',
});
/** Each curve from the smallest fleet to the largest. */
const CURVES: readonly (readonly Fleet[])[] = [
  [3, 100, 1000, 2000].map((count) => replicas(count, 'off')),
  [3, 2000].map((count) => replicas(count, 'default')),
  [1, 50, 500].map(servers),
];

interface Point {
  gateway: FleetGateway;
  end: 'first' | 'last';
  target: Target;
  cpuUs: number[];
  errors: number;
}

const sorted = (values: readonly number[]): number[] => values.toSorted((one, other) => one - other);
/** The lower quartile: whatever else a machine does makes a request cost more, never less. */
const typical = (values: readonly number[]): number => sorted(values)[Math.floor(values.length / 4)] ?? Number.NaN;

async function startUpstream(folder: string, port: number): Promise<ManagedProcess> {
  const program = nodeProgram('deploy/test/bench/load/upstream.ts', ['--port', String(port)]);
  const upstream = new ManagedProcess({
    name: `upstream-${port}`,
    ...program,
    logFile: `${folder}/upstream-${port}.log`,
    isReady: () => answers(`http://127.0.0.1:${port}/__stats`),
  });
  return upstream.start();
}

async function measure({ gateway, target }: Point, seconds: number): Promise<{ cpuUs: number; errors: number }> {
  const sessions = Array.from({ length: SESSIONS }, (_, index) => `${target.slot}~0b5e7c1a-${index}`);
  const { cpuUs, errors } = await cpuPerRequest({ envoy: [gateway.envoy.process.pid ?? 0] }, () =>
    runLoad({ port: gateway.port, path: target.path, connections: CONNECTIONS, sessions, seconds }),
  );
  return { cpuUs: cpuUs['envoy'] ?? Number.NaN, errors };
}

/** The last slot of the largest fleet against both slots of the smallest, which differ in nothing. */
function growthOf(points: readonly Point[]): number {
  const [first, second] = points;
  return typical(points.at(-1)?.cpuUs ?? []) / typical([...(first?.cpuUs ?? []), ...(second?.cpuUs ?? [])]);
}

export const bench: Bench = {
  description:
    'CPU of Envoy per request as replicas and servers grow (--base FOLDER measures the routes of another checkout)',
  async run({ say, seconds, base }) {
    await using cleanup = new AsyncDisposableStack();
    const folder = await temporaryFolder();
    cleanup.defer(() => folder.remove());
    const ports = await freePorts(2);
    for (const port of ports) {
      const upstream = await startUpstream(folder.path, port);
      cleanup.defer(async () => {
        await upstream.stop();
      });
    }
    const upstreams = ports.map((port) => `127.0.0.1:${port}`) as [string, string];
    const curves: Point[][] = [];
    for (const curve of CURVES) {
      const points: Point[] = [];
      for (const fleet of curve) {
        const gateway = cleanup.use(await startFleetGateway(base ?? REPOSITORY, fleet, upstreams));
        const { first, last } = endsOf(fleet);
        points.push(
          { gateway, end: 'first', target: first, cpuUs: [], errors: 0 },
          { gateway, end: 'last', target: last, cpuUs: [], errors: 0 },
        );
      }
      curves.push(points);
    }
    const stretch = Math.min(MOST_SECONDS, Math.max(LEAST_SECONDS, seconds * 0.08));
    for (let round = -1; round < ROUNDS; round++) {
      for (const point of curves.flat()) {
        const { cpuUs, errors } = await measure(point, stretch);
        point.errors += errors;
        // The round before the first warms up.
        if (round >= 0) point.cpuUs.push(cpuUs);
      }
    }
    const figures = curves.flat().map(({ gateway: { fleet, routeBytes }, end, cpuUs, errors }) => ({
      fleet: fleet.name,
      slot: end,
      envoyUs: round(typical(cpuUs)),
      lowest: sorted(cpuUs)[0] ?? null,
      highest: sorted(cpuUs).at(-1) ?? null,
      routesKiB: Math.round(routeBytes / 1024),
      errors,
    }));
    say(
      table(
        ['fleet', 'slot', 'Envoy µs (lower quartile)', 'lowest', 'highest', 'routes KiB', 'errors'],
        figures.map((one) => Object.values(one)),
      ),
    );
    const objectives = curves.map((points): Objective => {
      const [smallest, largest] = [points[0], points.at(-1)].map((point) => point?.gateway.fleet.name ?? '');
      return atMost(`CPU per request, ${largest} ÷ ${smallest}`, MOST_GROWTH, growthOf(points));
    });
    return {
      objectives: [
        ...objectives,
        exactly(
          'errors',
          0,
          figures.reduce((sum, { errors }) => sum + errors, 0),
        ),
      ],
      figures: { points: figures },
    };
  },
};
