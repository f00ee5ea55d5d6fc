import type { KnownReplica, TopologyInputs } from '../../../../control-plane/topology/inputs.ts';
import { inputsOfReplicas } from './fleet-inputs.ts';

const REPLICAS_PER_SERVER = 20;

const serverOf = (index: number): string => `server-${Math.floor(index / REPLICAS_PER_SERVER)}`;
const addressOf = (index: number): string => `127.1.${index >> 8}.${index & 255}:3000`;

/** The replica whose health the `change`-th change (from 0) is about, in a fleet of `count`: another each time, until all were. */
export function changedReplica(change: number, count: number): { server: string; address: string } {
  const index = (change * 7) % count;
  return { server: serverOf(index), address: addressOf(index) };
}

/** What a control plane knows of a fleet of `count` replicas over count/20 servers (at least one), behind gateways. Nobody listens at the addresses. */
export function fleetOf(
  count: number,
  isGuarded = true,
  gateways = 3,
): TopologyInputs & { health: Map<string, 'healthy' | 'unhealthy'> } {
  const replicas: KnownReplica[] = Array.from({ length: count }, (_, index) => ({
    server: serverOf(index),
    backend: 'stable',
    name: `replica-${index}`,
    address: addressOf(index),
  }));
  return inputsOfReplicas(replicas, {
    isGuarded,
    gateways: Array.from({ length: gateways }, (_, index) => ({
      id: `gateway-${index + 1}`,
      relay: [`127.2.0.${index + 1}:7900`],
      peer: `127.2.0.${index + 1}:7800`,
      listen: null,
      isDraining: false,
    })),
  });
}
