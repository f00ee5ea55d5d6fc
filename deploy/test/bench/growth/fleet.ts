import type { KnownReplica, TopologyInputs } from '../../../../control-plane/topology/inputs.ts';
import { inputsOfReplicas, slotOfReplica } from '../xds/fleet-inputs.ts';

/** How large it is, and how its servers are guarded. */
export interface Fleet {
  name: string;
  servers: number;
  replicasOfEach: number;
  guard: 'off' | 'default';
}

/** Where requests can go in it: the path of a server, and the slot of one of its replicas. */
export interface Target {
  path: string;
  slot: string;
}

export const serverName = (index: number): string => `server-${index}`;

const slotAt = ({ replicasOfEach }: Fleet, server: number, replica: number): string =>
  slotOfReplica(server * replicasOfEach + replica);

/** The first server's first slot, and the last one's last: an order that is walked ends there. */
export function endsOf(fleet: Fleet): { first: Target; last: Target } {
  const server = fleet.servers - 1;
  return {
    first: { path: `/mcp/${serverName(0)}`, slot: slotAt(fleet, 0, 0) },
    last: { path: `/mcp/${serverName(server)}`, slot: slotAt(fleet, server, fleet.replicasOfEach - 1) },
  };
}

/** What a control plane knows of it. Only the first and the last replica are there: they are at `upstreams`. */
export function inputsOfFleet(fleet: Fleet, upstreams: readonly [string, string]): TopologyInputs {
  const count = fleet.servers * fleet.replicasOfEach;
  const addressOf = (index: number): string =>
    index === 0
      ? upstreams[0]
      : index === count - 1
        ? upstreams[1]
        : `127.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}:3000`;
  const replicas: KnownReplica[] = Array.from({ length: count }, (_, index) => ({
    server: serverName(Math.floor(index / fleet.replicasOfEach)),
    backend: 'stable',
    name: `replica-${index}`,
    address: addressOf(index),
  }));
  return inputsOfReplicas(replicas, {
    isGuarded: fleet.guard !== 'off',
    gateway: { accessLogs: false, responseOutcomes: 'off' },
  });
}
