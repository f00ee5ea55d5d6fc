import { residentMiB } from '../../bench/load/cpu.ts';
import { callOnceEach, openSessions } from '../../bench/load/http-load.ts';
import { hostsOf } from '../../mesh/envoy-hosts.ts';
import { httpGet, waitFor } from '../../mesh/wait-for.ts';
import { atMost, exactly } from '../../report/objectives.ts';
import type { Scenario } from '../scenario.ts';

const SESSIONS = 5000;
const SERVER = 'crowd';
/** Recoveries at a time per gateway node: `recoveryConcurrency`, default. */
const QUEUE_LIMIT = 64;

let result: Awaited<ReturnType<typeof callOnceEach>> | undefined;
let mostAtATime = Number.NaN;
const memory = { beforeMiB: 0, afterMiB: 0 };

export const stampede: Scenario = {
  name: 'stampede',
  description: `${SESSIONS} sessions live on one replica, it is killed, and all of them speak at once`,
  sessions: 2,
  mesh: {
    servers: {
      [SERVER]: {
        replicas: 3,
        program: 'deploy/test/bench/load/upstream.ts',
        args: ['--initialize-ms', '5'],
        settings: { probe: { type: 'http', path: '/__stats' } },
      },
    },
  },
  async play({ mesh, disturb, say }) {
    const [crowded, ...others] = mesh.replicasOf(SERVER);
    for (const replica of others) await replica.process.kill();
    const gateway = mesh.gateways[0]!;
    // Once it is known that they are gone: sessions offered to dead replicas would open their breakers for longer than this takes.
    await waitFor(
      async () => {
        const hosts = (await hostsOf(gateway.envoy.adminUrl)).get(`mcp.${SERVER}`);
        return others.every(({ address }) => hosts?.get(address) !== 'HEALTHY');
      },
      { what: 'the gateway knows that only one replica is left' },
    );
    const port = Number(new URL(gateway.url).port),
      path = `/mcp/${SERVER}`;
    const sessions = await openSessions(port, path, SESSIONS);
    for (const replica of others) await replica.process.start();
    await mesh.settled(others);
    const sidecar = gateway.sidecars[0]!.process;
    memory.beforeMiB = residentMiB(sidecar.pid ?? 0);
    await disturb(`SIGKILL ${crowded!.name}, which has ${SESSIONS} sessions`, () => crowded!.process.kill());
    result = await callOnceEach({ port, path, connections: 500, sessions });
    memory.afterMiB = residentMiB(sidecar.pid ?? 0);
    const peaks = await Promise.all(
      others.map(
        async ({ address }) =>
          (JSON.parse((await httpGet(`http://${address}/__stats`))?.body ?? '{}') as { mostAtATime: number })
            .mostAtATime,
      ),
    );
    mostAtATime = Math.max(...peaks);
    say(
      `  ${result.answered} of ${SESSIONS} sessions answered in ${result.seconds.toFixed(1)} s, slowest ${Math.round(result.slowestMs)} ms; the sidecar went from ${Math.round(memory.beforeMiB)} to ${Math.round(memory.afterMiB)} MiB`,
    );
  },
  judge: () => [
    exactly('sessions that did not answer', 0, result?.failed ?? SESSIONS),
    atMost('until all had answered (s)', 10, result?.seconds ?? Number.POSITIVE_INFINITY),
    atMost('most initializes at a time at another replica (the queue’s limit)', QUEUE_LIMIT, mostAtATime),
    atMost('memory that the sidecar took for it (MiB)', 150, memory.afterMiB - memory.beforeMiB),
  ],
};
