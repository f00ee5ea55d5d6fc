import { CROWD_LIMITS } from '../mesh/many-clients-limits.ts';
import { cp, lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { connectClient } from '../clients/connect-client.ts';
import type { ClientKind } from '../clients/mcp-client.ts';
import { plainEnvoy } from '../bench/load/plain-envoy.ts';
import { freePort } from '../mesh/free-port.ts';
import { startEnvoy, type Envoy } from '../mesh/start-envoy.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { temporaryFolder } from '../mesh/temporary-folder.ts';
import type { Objective } from '../report/objectives.ts';
import { readLedger } from '../servers/kit/ledger.ts';
import { count, type Call, type CallCounts } from './call-log.ts';
import { edgeFetch } from './edge-fetch.ts';
import { RequestLog } from './request-log.ts';
import { Population } from './population.ts';
import type { Chaos, Scenario } from './scenario.ts';
import type { Disturbance } from './verdict.ts';

export interface RunOptions {
  sessions: number;
  seconds: number;
  everyMs: number;
  seed: number;
  say: (text: string) => void;
  keepLogs: boolean;
  /** So many calls that waited longest after a disturbance are printed, with their HTTP requests. Default 0. */
  slowest?: number;
  /** envelope: past the mesh, through a bare Envoy with its own session affinity, for comparison. Default holdfast. */
  through?: 'holdfast' | 'envelope';
}
export interface ScenarioResult {
  objectives: Objective[];
  counts: CallCounts;
  examples: string[];
  calls: readonly Call[];
  disturbances: readonly Disturbance[];
}

const KINDS: readonly ClientKind[] = ['v1', 'v2-legacy'];
const HANG_MS = 15_000;

/** mulberry32: the same seed gives the same disturbances. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Calls by how long they waited after the disturbance before them, with what their clients asked meanwhile. */
function slowest(calls: readonly Call[], disturbances: readonly Disturbance[], requests: RequestLog): string[] {
  const since = ({ endedAtMs }: Call): number => disturbances.findLast(({ atMs }) => atMs <= endedAtMs)?.atMs ?? 0;
  const waitMs = (call: Call): number => call.endedAtMs - Math.max(call.startedAtMs, since(call));
  return calls
    .filter((call) => since(call) > 0)
    .sort((a, b) => waitMs(b) - waitMs(a))
    .map((call) => {
      const what = `${call.kind} ${call.tool} of session ${call.session} (${KINDS[call.session % KINDS.length]})`;
      const at = `from ${call.startedAtMs - since(call)} ms after the disturbance, waited ${waitMs(call)} ms`;
      return [`  ${what} ${at}: ${call.result.kind}`, ...requests.during(call)].join('\n      ');
    });
}

async function bareEnvoy(mesh: Mesh): Promise<{ envoy: Envoy; url: string }> {
  const port = await freePort();
  const replicaPorts = mesh.replicasOf('linear').map(({ address }) => Number(address.split(':')[1]));
  return {
    envoy: await startEnvoy({ config: plainEnvoy(port, replicaPorts, 'envelope'), name: 'bare', folder: mesh.folder }),
    url: `http://127.0.0.1:${port}`,
  };
}

/** Starts a mesh, fills it with sessions of official clients, lets the scenario break things, and judges what the clients saw. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<ScenarioResult> {
  const { say, seconds, everyMs } = options;
  const random = seeded(options.seed);
  const folder = await temporaryFolder('holdfast-chaos-');
  const ledger = join(folder.path, 'ledger');
  const prepared = await scenario.prepare?.();
  const { linear = { replicas: 3 }, ...otherServers } = scenario.mesh?.servers ?? {};
  try {
    await using mesh = await startMesh({
      ...prepared?.mesh,
      ...scenario.mesh,
      servers: {
        linear: {
          ...linear,
          args: ['--ledger', ledger, ...(linear.args ?? [])],
          settings: { trustAnnotations: true, ...CROWD_LIMITS, ...linear.settings },
        },
        ...otherServers,
      },
    });
    const bare = options.through === 'envelope' ? await bareEnvoy(mesh) : null;
    const origins = bare ? [bare.url] : (mesh.edges.length > 0 ? mesh.edges : mesh.gateways).map(({ url }) => url);
    const url = bare ? `${bare.url}/mcp` : mesh.url('linear');
    const requests = new RequestLog();
    const connect = (session: number) =>
      connectClient({
        kind: KINDS[session % KINDS.length]!,
        url,
        fetch: edgeFetch(origins, session, requests.fetch(session)),
        timeoutMs: HANG_MS,
      });
    const population = new Population({
      size: scenario.sessions ?? options.sessions,
      everyMs,
      hangMs: HANG_MS,
      unsafeShare: 0.3,
      slowShare: 0.2,
      connect,
      random,
      now: Date.now,
    });
    const disturbances: Disturbance[] = [];
    let extra = 1_000_000;
    const chaos: Chaos = {
      mesh,
      population,
      disturbances,
      seconds,
      say,
      random,
      async disturb(what, work) {
        const disturbance: Disturbance = { atMs: Date.now(), what };
        disturbances.push(disturbance);
        say(`  ${what} at ${new Date(disturbance.atMs).toISOString()}`);
        await work();
        disturbance.doneAtMs = Date.now();
      },
      openSession: () => population.openOne(extra++),
      executions: () => readLedger(ledger),
    };
    try {
      await population.open();
      say(`${scenario.name}: ${population.calls.length} sessions of official clients are open`);
      population.start();
      await scenario.play(chaos);
    } finally {
      await population.stop();
      await bare?.envoy.close();
    }
    const objectives = await scenario.judge(chaos, population.calls);
    const examples = population.calls
      .filter(({ result }) => result.kind === 'error' || result.kind === 'hang')
      .slice(0, 5)
      .map(
        (call) =>
          `${call.kind} ${call.tool} of session ${call.session}, ${call.endedAtMs - call.startedAtMs} ms: ${call.result.kind === 'error' ? call.result.message : 'no answer'}`,
      );
    for (const line of slowest(population.calls, disturbances, requests).slice(0, options.slowest)) say(line);
    if (options.keepLogs && objectives.some(({ met }) => !met)) {
      const to = join(process.cwd(), '.holdfast', 'chaos', scenario.name);
      await cp(mesh.folder, to, { recursive: true, filter: async (path) => !(await lstat(path)).isSocket() });
      say(`  logs are in ${to}`);
    }
    return {
      objectives: objectives.map((objective) => ({ ...objective, name: `${scenario.name}: ${objective.name}` })),
      counts: count(population.calls),
      examples,
      calls: population.calls,
      disturbances,
    };
  } finally {
    await prepared?.close();
    await folder.remove();
  }
}
