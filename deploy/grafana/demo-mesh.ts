import { setTimeout as sleep } from 'node:timers/promises';
import { alternatingFetch } from '../test/clients/alternating-fetch.ts';
import { connectClient } from '../test/clients/connect-client.ts';
import { startMesh, type Mesh } from '../test/mesh/start-mesh.ts';
import { waitFor } from '../test/mesh/wait-for.ts';
import { startPrometheus, targetsOf, type Prometheus } from './start-prometheus.ts';

export interface DemoMesh {
  mesh: Mesh;
  prometheus: Prometheus;
  /** How long it ran. */
  seconds: number;
  close(): Promise<void>;
}

const CLIENTS = 6;
/** A tool that works, ones that fail in each way, a slow one, and a name that no server knows. */
const CALLS: readonly [tool: string, args: Record<string, unknown>][] = [
  ['echo', { text: 'hello' }],
  ['whoami', {}],
  ['echo', { text: 'again' }],
  ['fail', {}],
  ['echo', { text: 'once more' }],
  ['throw', {}],
  ['wait', { durationMs: 60 }],
  ['no_such_tool', {}],
];

/** Waits until some sidecar's metrics have such a line. */
const happened = (mesh: Mesh, line: RegExp, what: string): Promise<boolean> =>
  waitFor(
    async () => {
      const texts = await Promise.all(
        mesh.gateways.map(async ({ sidecars }) => (await fetch(`${sidecars[0]!.adminUrl}/metrics`)).text()),
      );
      return texts.some((text) => line.test(text));
    },
    { what, timeoutMs: 60_000, everyMs: 200 },
  );

/**
 * A mesh in which everything happens that dashboards show. Sessions come by both gateways and the balancer, and tools
 * fail. There is a rollout, and a replica is killed and comes back. Runs for `seconds` at least; a real Prometheus
 * scrapes it each second.
 */
export async function startDemoMesh(seconds: number, say: (line: string) => void = () => {}): Promise<DemoMesh> {
  const mesh = await startMesh({
    gateways: 2,
    edges: 1,
    config: (config) => {
      config['gateway'] = { ...(config['gateway'] as object | undefined), responseOutcomes: 'events' };
    },
    servers: {
      linear: {
        replicas: { stable: 2, canary: 1 },
        weights: { stable: 100, canary: 0 },
        settings: { trustAnnotations: true, toolBreaker: { timeoutMs: 1000, maxTimeoutMs: 2000 } },
      },
      queryquill: { replicas: 2, settings: { guard: [] } },
    },
  });
  let prometheus: Prometheus | undefined;
  let isOver = false;
  const close = async (): Promise<void> => {
    isOver = true;
    await prometheus?.stop();
    await mesh.close();
  };
  try {
    prometheus = await startPrometheus(mesh.folder, targetsOf(mesh));
    // What happens before the first scrape is no growth to Prometheus, and it takes seconds to look at its targets for the first time.
    const targets = 2 * mesh.gateways.length + mesh.edges.length + 1,
      watching = prometheus;
    await waitFor(
      async () => {
        const nowSeconds = Date.now() / 1000;
        return (await watching.range('count(up == 1)', nowSeconds, nowSeconds, 1))[0]?.points[0]?.[1] === targets;
      },
      { what: `Prometheus sees all ${targets} targets`, timeoutMs: 60_000, everyMs: 200 },
    );
    const startedMs = performance.now();
    say('mesh and Prometheus are up');
    const origins = [...mesh.gateways, ...mesh.edges].map(({ url }) => url);
    const client = async (index: number): Promise<void> => {
      const server = index % 3 === 2 ? 'queryquill' : 'linear';
      while (!isOver) {
        const one = await connectClient({
          kind: index % 2 ? 'v2-legacy' : 'v1',
          url: mesh.url(server),
          fetch: alternatingFetch(origins),
          timeoutMs: 5000,
          headers: { traceparent: `00-${index.toString(16).padStart(32, 'a')}-b7ad6b7169203331-01` },
        }).catch(() => undefined);
        if (!one) {
          await sleep(100);
          continue;
        }
        await one.listTools().catch(() => {});
        for (let i = 0; i < 40 && !isOver; i++) {
          const [tool, args] = CALLS[(i + index) % CALLS.length]!;
          await one.callTool(tool, args).catch(() => {});
          await sleep(20);
        }
        await one.terminate().catch(() => {});
      }
    };
    const clients = Array.from({ length: CLIENTS }, (_, index) => client(index));
    await happened(mesh, /^mcp_tool_calls_total\{server_id="linear".*outcome="success"\} [1-9]/m, 'calls');
    // Long enough before and after each event that lines show a change.
    await sleep(seconds * 150);
    // The others’ sessions are short, and may all be elsewhere just then. This one is on the killed replica, and comes
    // back for an answer.
    const holder = await connectClient({ kind: 'v1', url: mesh.url('linear'), timeoutMs: 10_000 });
    const { name: home } = (await holder.callTool('whoami')).data['replica'] as { name: string };
    const victim = mesh.replicasOf('linear').find(({ name }) => name === home)!;
    await victim.process.kill();
    await holder.callTool('whoami');
    await happened(mesh, /^mcp_session_recoveries_total\{.*result="recovered"\} [1-9]/m, 'sessions are back');
    await holder.terminate();
    say('a replica was killed, and its sessions are back');
    await sleep(seconds * 150);
    await victim.process.start();
    const rollout = await fetch(`${mesh.controlPlane.adminUrl}/v1/rollouts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        server: 'linear',
        from: 'stable',
        to: 'canary',
        intervalMs: 500,
        stepMs: 1000,
        minSessions: 1,
        minCalls: 1,
        maxErrorPercent: 100,
        maxP99Ratio: 1000,
        contract: 'off',
      }),
    });
    if (!rollout.ok) throw new Error(`the rollout was refused: ${await rollout.text()}`);
    await waitFor(
      async () => (await (await fetch(`${mesh.controlPlane.adminUrl}/metrics`)).text()).includes('phase="promoted"'),
      { what: 'the rollout is over', timeoutMs: 60_000, everyMs: 200 },
    );
    say('a rollout went its steps');
    await sleep(Math.max(seconds * 150, startedMs + seconds * 1000 - performance.now()));
    isOver = true;
    await Promise.all(clients);
    return { mesh, prometheus, seconds: Math.ceil((performance.now() - startedMs) / 1000), close };
  } catch (error) {
    await close();
    throw error;
  }
}
