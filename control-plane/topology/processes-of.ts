import type { GatewayNode } from './topology.ts';

/** A gateway's sidecar processes: several may stand behind one Envoy, each with a name of its own. Only those that are there. */
export function processesOf(gateways: readonly GatewayNode[], id: string): GatewayNode[] {
  const listen = gateways.find((each) => each.id === id)?.listen ?? null;
  return gateways.filter((each) => each.id === id || (listen !== null && each.listen === listen));
}
