import type { KnownReplica, TopologyInputs } from '../../../../control-plane/topology/inputs.ts';
import { inputsOfReplicas } from '../fleet-inputs.ts';

const REPLICAS_PER_SERVER = 20;

/** What a control plane knows of a fleet of `count` replicas over count/20 servers (at least one), behind three gateways. Nobody listens at the addresses. */
export function fleetOf(
  count: number,
  isGuarded = true,
): TopologyInputs & { health: Map<string, 'healthy' | 'unhealthy'> } {
  const replicas: KnownReplica[] = Array.from({ length: count }, (_, index) => ({
    server: `server-${Math.floor(index / REPLICAS_PER_SERVER)}`,
    backend: 'stable',
    name: `replica-${index}`,
    address: `127.1.${index >> 8}.${index & 255}:3000`,
  }));
  return inputsOfReplicas(replicas, {
    isGuarded,
    gateways: [1, 2, 3].map((index) => ({
      id: `gateway-${index}`,
      relay: [`127.2.0.${index}:7900`],
      peer: `127.2.0.${index}:7800`,
      listen: null,
      isDraining: false,
    })),
  });
}
