import type { ReplicaEndpoint, ReplicaState, ReplicaTls } from '../../proto/endpoint.ts';
import { ENDPOINT_METADATA as KEY } from '../../proto/wire.ts';
import type { Read } from './read-policy.ts';
import type { RelayPeer } from './topology.ts';

interface WireEndpoint {
  endpoint?: { address?: { socket_address?: { address?: string; port_value?: number } } };
  metadata?: { filter_metadata?: Record<string, Record<string, unknown>> };
}
interface WireAssignment {
  endpoints?: { lb_endpoints?: WireEndpoint[] }[];
}

/** The gateways' relays, this node's own among them: another one may know what this one can't find out. */
export function readRelays(resource: object): RelayPeer[] {
  const all = ((resource as WireAssignment).endpoints ?? []).flatMap(({ lb_endpoints = [] }) => lb_endpoints);
  return all
    .filter(({ metadata }) => metadata?.filter_metadata?.[KEY.namespace]?.[KEY.state] === 'relay')
    .flatMap(({ endpoint, metadata }) => {
      const { address, port_value: port } = endpoint?.address?.socket_address ?? {};
      return address && port
        ? [
            {
              address: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
              isTls: metadata?.filter_metadata?.[KEY.namespace]?.[KEY.peer] === true,
            },
          ]
        : [];
    });
}

const STATES: readonly unknown[] = ['active', 'draining', 'standby', 'unhealthy', 'lost'] satisfies ReplicaState[];

/** The replicas of an EDS resource; endpoints without a slot (relays) are not replicas. Two replicas with one slot are a refusal. */
export function readEndpoints(server: string, resource: object): Read<ReplicaEndpoint[]> {
  const endpoints: ReplicaEndpoint[] = [],
    slots = new Set<string>();
  const bad = (problem: string): Read<never> => ({ kind: 'bad', problem: `endpoints of ${server}: ${problem}` });
  for (const { lb_endpoints = [] } of (resource as WireAssignment).endpoints ?? []) {
    for (const { endpoint, metadata } of lb_endpoints) {
      const fields = metadata?.filter_metadata?.[KEY.namespace];
      if (fields?.[KEY.slot] === undefined) continue;
      const {
        [KEY.slot]: slot,
        [KEY.replica]: replica,
        [KEY.backend]: backend,
        [KEY.state]: state,
        [KEY.steady]: isSteady,
        [KEY.weight]: weight,
      } = fields;
      const { [KEY.host]: host, [KEY.tls]: tls } = fields;
      const { address, port_value: port } = endpoint?.address?.socket_address ?? {};
      if (typeof slot !== 'string' || typeof replica !== 'string' || typeof backend !== 'string')
        return bad('slot, replica and backend must be text');
      if (!STATES.includes(state)) return bad(`replica ${replica} has an unknown state ${JSON.stringify(state)}`);
      if (typeof isSteady !== 'boolean' || typeof weight !== 'number')
        return bad(`replica ${replica} needs steady (boolean) and weight (number)`);
      if (!address || !port) return bad(`replica ${replica} has no socket address`);
      if (slots.has(slot)) return bad(`two replicas have slot ${slot}`);
      slots.add(slot);
      endpoints.push({
        server,
        replica,
        backend,
        slot,
        address: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
        state: state as ReplicaState,
        isSteady,
        weight,
        ...(typeof host === 'string' && { host }),
        ...(typeof tls === 'object' && tls !== null && { tls: tls as ReplicaTls }),
      });
    }
  }
  return { kind: 'good', value: endpoints };
}
