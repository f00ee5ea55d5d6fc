import type { ReplicaEndpoint, ReplicaState, ReplicaTls } from '../../proto/endpoint.ts';
import { beforePort } from '../../proto/identity/host.ts';
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
              address: joined(address, port),
              isTls: metadata?.filter_metadata?.[KEY.namespace]?.[KEY.peer] === true,
            },
          ]
        : [];
    });
}

const STATES: readonly unknown[] = ['active', 'draining', 'standby', 'unhealthy', 'lost'] satisfies ReplicaState[];

/** The replicas of an EDS resource; endpoints without a slot (relays) are not replicas. Two replicas with one slot are a refusal. */
export function readEndpoints(server: string, resource: object): Read<ReplicaEndpoint[]> {
  const bySlot = new Map<string, ReplicaEndpoint>();
  for (const { lb_endpoints = [] } of (resource as WireAssignment).endpoints ?? []) {
    for (const each of lb_endpoints) {
      const fields = each.metadata?.filter_metadata?.[KEY.namespace];
      if (fields?.[KEY.slot] === undefined) continue;
      const read = readEndpoint(server, each, fields);
      const problem =
        typeof read === 'string' ? read : bySlot.has(read.slot) ? `two replicas have slot ${read.slot}` : null;
      if (problem !== null) return { kind: 'bad', problem: `endpoints of ${server}: ${problem}` };
      if (typeof read !== 'string') bySlot.set(read.slot, read);
    }
  }
  return { kind: 'good', value: [...bySlot.values()] };
}

/** One replica, or what is wrong with it. */
function readEndpoint(
  server: string,
  { endpoint }: WireEndpoint,
  fields: Record<string, unknown>,
): ReplicaEndpoint | string {
  const {
    [KEY.slot]: slot,
    [KEY.replica]: replica,
    [KEY.backend]: backend,
    [KEY.state]: state,
    [KEY.steady]: isSteady,
    [KEY.weight]: weight,
    [KEY.host]: host,
    [KEY.tls]: tls,
  } = fields;
  const { address, port_value: port } = endpoint?.address?.socket_address ?? {};
  if (typeof slot !== 'string' || typeof replica !== 'string' || typeof backend !== 'string')
    return 'slot, replica and backend must be text';
  if (!isState(state)) return `replica ${replica} has an unknown state ${JSON.stringify(state)}`;
  if (typeof isSteady !== 'boolean' || typeof weight !== 'number')
    return `replica ${replica} needs steady (boolean) and weight (number)`;
  if (!address || !port) return `replica ${replica} has no socket address`;
  return {
    server,
    replica,
    backend,
    slot,
    address: joined(address, port),
    state,
    isSteady,
    weight,
    ...(typeof host === 'string' && { host }),
    ...(typeof tls === 'object' && tls !== null && { tls: tls as ReplicaTls }),
  };
}

const isState = (value: unknown): value is ReplicaState => STATES.includes(value);
const joined = (host: string, port: number): string => `${beforePort(host)}:${port}`;
