import { hostsOf } from '../../mesh/envoy-hosts.ts';
import type { Gateway } from '../../mesh/start-gateway.ts';
import type { Mesh } from '../../mesh/start-mesh.ts';
import type { Replica } from '../../mesh/start-replica.ts';
import { httpGet, waitFor } from '../../mesh/wait-for.ts';
import { CROWD_LIMITS } from '../../mesh/many-clients-limits.ts';
import { callOnceEach, openSessions } from './http-load.ts';

export const CROWD = 'crowd';
/** Recoveries at a time per gateway node: `recoveryConcurrency`, default. */
export const RECOVERIES_AT_A_TIME = 64;
/** Connections that the sessions of a lost replica speak over. */
const CONNECTIONS = 500;

/** A server of three replicas, whose `initialize` takes a while, for many sessions of one address. */
export const crowdServer = {
  replicas: 3,
  program: 'deploy/test/bench/load/upstream.ts',
  args: ['--initialize-ms', '5'],
  settings: { probe: { type: 'http', path: '/__stats' }, ...CROWD_LIMITS },
} as const;

/** Where the sessions of one replica come through one gateway. */
export interface Crowd {
  gateway: Gateway;
  port: number;
  path: string;
  /** The one that all sessions live on. */
  crowded: Replica;
  others: Replica[];
  sessions: string[];
}

/** Opens sessions that all live on the first replica; the others are away until `others` are started. */
export async function openCrowd(mesh: Mesh, count: number): Promise<Crowd> {
  const [crowded, ...others] = mesh.replicasOf(CROWD),
    [gateway] = mesh.gateways;
  if (crowded === undefined || gateway === undefined) throw new Error(`the mesh has no server ${CROWD} or no gateway`);
  for (const replica of others) await replica.process.kill();
  // Once it is known that they are gone: sessions offered to dead replicas would open their breakers for longer than this takes.
  await waitFor(
    async () => {
      const hosts = (await hostsOf(gateway.envoy.adminUrl)).get(`mcp.${CROWD}`);
      return others.every(({ address }) => hosts?.get(address) !== 'HEALTHY');
    },
    { what: 'the gateway knows that only one replica is left' },
  );
  const port = Number(new URL(gateway.url).port),
    path = `/mcp/${CROWD}`;
  return { gateway, port, path, crowded, others, sessions: await openSessions(port, path, count) };
}

/** All sessions speak once. `mostAtATime`: initializes at one of the other replicas. */
export async function crowdSpeaks({ port, path, others, sessions }: Crowd) {
  const result = await callOnceEach({ port, path, connections: CONNECTIONS, sessions });
  const peaks = await Promise.all(
    others.map(
      async ({ address }) =>
        (JSON.parse((await httpGet(`http://${address}/__stats`))?.body ?? '{}') as { mostAtATime: number }).mostAtATime,
    ),
  );
  return { ...result, mostAtATime: Math.max(...peaks) };
}
