import { setTimeout as sleep } from 'node:timers/promises';
import { alternatingFetch } from '../clients/alternating-fetch.ts';
import { connectClient } from '../clients/connect-client.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { startPrometheus, targetsOf, type Prometheus } from './start-prometheus.ts';

export interface LivelyMesh { mesh: Mesh; prometheus: Prometheus; close(): Promise<void> }

const CLIENTS = 6;
/** A tool that works, ones that fail in each way, a slow one, and a name that no server knows. */
const CALLS: readonly [tool: string, args: Record<string, unknown>][] = [
  ['echo', { text: 'hello' }], ['whoami', {}], ['echo', { text: 'again' }], ['fail', {}], ['echo', { text: 'once more' }], ['throw', {}], ['wait', { durationMs: 60 }], ['no_such_tool', {}],
];

/**
 * A mesh in which everything happens that dashboards show: sessions by both gateways and the balancer, tools that fail, a rollout, a
 * replica that is killed and comes back. Runs for `seconds`; a real Prometheus scrapes it each second.
 */
export async function livelyMesh(seconds: number, say: (line: string) => void = () => {}): Promise<LivelyMesh> {
  const mesh = await startMesh({
    gateways: 2, edges: 1,
    config: config => { config['gateway'] = { ...(config['gateway'] as object | undefined), responseOutcomes: 'events' }; },
    servers: {
      linear: { replicas: { stable: 2, canary: 1 }, weights: { stable: 100, canary: 0 }, settings: { trustAnnotations: true, toolBreaker: { timeoutMs: 1000, maxTimeoutMs: 2000 } } },
      queryquill: { replicas: 2, settings: { guard: [] } },
    },
  });
  let prometheus: Prometheus | undefined;
  let isOver = false;
  const close = async (): Promise<void> => { isOver = true; await prometheus?.stop(); await mesh.close(); };
  try {
    prometheus = await startPrometheus(mesh.folder, targetsOf(mesh));
    say('mesh and Prometheus are up');
    const origins = [...mesh.gateways, ...mesh.edges].map(({ url }) => url);
    const client = async (index: number): Promise<void> => {
      const server = index % 3 === 2 ? 'queryquill' : 'linear';
      for (let life = 0; !isOver; life++) {
        const one = await connectClient({ kind: index % 2 ? 'v2-legacy' : 'v1', url: mesh.url(server), fetch: alternatingFetch(origins), timeoutMs: 5000, headers: { traceparent: `00-${index.toString(16).padStart(32, 'a')}-b7ad6b7169203331-01` } }).catch(() => undefined);
        if (!one) { await sleep(100); continue; }
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
    const victim = mesh.replicasOf('linear')[0]!;
    await sleep(seconds * 200);
    await victim.process.kill();
    say('a replica was killed');
    await sleep(seconds * 200);
    await victim.process.start();
    const rollout = await fetch(`${mesh.controlPlane.adminUrl}/v1/rollouts`, {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ server: 'linear', from: 'stable', to: 'canary', intervalMs: 500, stepMs: 1000, minSessions: 1, minCalls: 1, maxErrorPercent: 100, maxP99Ratio: 1000, contract: 'off' }),
    });
    if (!rollout.ok) throw new Error(`the rollout was refused: ${await rollout.text()}`);
    say('a rollout began');
    await sleep(seconds * 600);
    isOver = true;
    await Promise.all(clients);
    return { mesh, prometheus, close };
  } catch (error) {
    await close();
    throw error;
  }
}
