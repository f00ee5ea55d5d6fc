import { setTimeout as pause } from 'node:timers/promises';
import { exactly } from '../../report/objectives.ts';
import { startRedis } from '../../mesh/start-redis.ts';
import { startTcpProxy, type TcpProxy } from '../../mesh/tcp-proxy.ts';
import { httpGet, waitFor } from '../../mesh/wait-for.ts';
import type { Chaos, Scenario } from '../scenario.ts';
import { executedAtMostOnce, provesSomething, safeCallErrors } from '../verdict.ts';
import { lostSessions } from './kill-replica.ts';

let partition: TcpProxy;

/** Sessions that the replicas hold, those of the control plane's probes included. */
async function liveUpstream({ mesh }: Chaos): Promise<number> {
  const each = await Promise.all(
    mesh.replicas
      .filter(({ process }) => process.isRunning)
      .map(async ({ address }) => {
        const answer = await httpGet(`http://${address}/__stats`);
        return (JSON.parse(answer?.body ?? '{}') as { sessions?: number }).sessions ?? Number.NaN;
      }),
  );
  return each.reduce((sum, count) => sum + count, 0);
}

/** One of each client, and one of the probe of each replica. For moments there are more: a probe that begins anew has two. */
const oneEach = ({ mesh, population }: Chaos): number =>
  population.calls.filter(({ kind, result }) => kind === 'open' && result.kind === 'answered').length +
  mesh.replicas.length;

let inTheEnd = Number.NaN;

export const splitBrain: Scenario = {
  name: 'split-brain',
  description:
    'gateway-2 loses Redis, a replica dies, both gateways rebuild the same sessions; then the partition heals',
  sessions: 40,
  // A probe that gives up an initialize for lack of CPU leaves a session at its replica, which nobody can end. At load
  // 28 there were 46 of 43.
  mesh: { servers: { linear: { replicas: 3, settings: { probe: { timeoutMs: 30_000 } } } } },
  async prepare() {
    const redis = await startRedis();
    partition = await startTcpProxy(redis.port);
    return {
      mesh: {
        redis: { url: redis.url },
        gatewayEnv: (index) => (index === 1 ? { SESSION_STORE_URL: `redis://127.0.0.1:${partition.port}` } : {}),
      },
      close: async () => {
        await partition.close();
        await redis.close();
      },
    };
  },
  async play(chaos) {
    const { mesh, disturb } = chaos;
    await pause(3000);
    let before = Number.NaN;
    const isOneEach = async (): Promise<boolean> => {
      before = await liveUpstream(chaos);
      return before === oneEach(chaos);
    };
    await waitFor(isOneEach, { what: 'one live upstream session each' }).catch((error) => {
      throw new Error(`before anything is broken: ${before} of ${oneEach(chaos)}`, { cause: error });
    });
    await disturb('gateway-2 is cut from Redis', () => partition.cut());
    await pause(1000);
    const victim = mesh.replicas[0]!;
    await disturb(`SIGKILL ${victim.name}`, () => victim.process.kill());
    await pause(10_000);
    await disturb('the partition heals', () => partition.heal());
    await victim.process.start();
    // Gateways find out about each other's sessions and end the losers; how long they take is not what is judged here.
    await waitFor(
      async () => {
        inTheEnd = await liveUpstream(chaos);
        return inTheEnd === oneEach(chaos);
      },
      {
        what: 'one live upstream session each',
        everyMs: 250,
      },
    ).catch(() => undefined);
  },
  judge(chaos, calls) {
    const { disturbances, executions } = chaos;
    return [
      ...provesSomething(calls, disturbances, { calls: 50, disturbances: 3 }),
      exactly('live upstream sessions in the end, one each', oneEach(chaos), inTheEnd),
      safeCallErrors(calls),
      ...executedAtMostOnce(calls, executions()),
      lostSessions(calls),
    ];
  },
};
