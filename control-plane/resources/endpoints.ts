import { ENDPOINT_METADATA, METADATA, unarySocket, RESOURCE } from '../../proto/wire.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { ServerTopology, TopologySnapshot } from '../topology/topology.ts';
import { envoyAddress } from './address.ts';
import type { EnvoyNode } from './node.ts';

/** With Envoy's 140 %, one dead replica of three already sends new sessions to the relay; only when none is left they shall go there. */
const NEVER_SPILL = { overprovisioning_factor: 100_000 };

/** Envoy's own word for what a replica may take without a pin. Pins do not look at it. */
function healthStatus(endpoint: ReplicaEndpoint): string {
  if (endpoint.state === 'unhealthy' || endpoint.state === 'lost') return 'UNHEALTHY';
  return endpoint.weight > 0 ? 'HEALTHY' : 'DRAINING';
}

function replica(endpoint: ReplicaEndpoint, server: ServerTopology): object {
  const backend = server.backends.find((each) => each.name === endpoint.backend);
  return {
    endpoint: {
      address: envoyAddress(endpoint.address),
      // The Host header towards this replica (routes.ts asks for it); the client's own when there is none.
      ...(backend?.hostOverride && { hostname: backend.hostOverride }),
    },
    health_status: healthStatus(endpoint),
    load_balancing_weight: Math.max(1, endpoint.weight),
    metadata: {
      filter_metadata: {
        [ENDPOINT_METADATA.namespace]: {
          [ENDPOINT_METADATA.slot]: endpoint.slot,
          [ENDPOINT_METADATA.replica]: endpoint.replica,
          [ENDPOINT_METADATA.backend]: endpoint.backend,
          [ENDPOINT_METADATA.state]: endpoint.state,
          [ENDPOINT_METADATA.steady]: endpoint.isSteady,
          [ENDPOINT_METADATA.weight]: endpoint.weight,
          // For the relay, which connects by itself.
          ...(backend?.hostOverride && { [ENDPOINT_METADATA.host]: backend.hostOverride }),
          ...(backend?.tls && {
            [ENDPOINT_METADATA.tls]: Object.fromEntries(
              Object.entries(backend.tls).filter(([, value]) => value !== undefined),
            ),
          }),
        },
        ...(backend?.tls && { 'envoy.transport_socket_match': { backend: backend.name } }),
      },
    },
  };
}

/** Relays say of themselves that they are none of the replicas: the access log leaves out what they answered. */
const relay = (address: string, isTls = false): object => ({
  endpoint: { address: envoyAddress(address) },
  metadata: {
    filter_metadata: {
      [METADATA.namespace]: { [ENDPOINT_METADATA.state]: 'relay', ...(isTls && { [ENDPOINT_METADATA.peer]: true }) },
      ...(isTls && PEER),
    },
  },
});

/** What asks for mTLS with the mesh's own certificates (clusters.ts). */
const PEER = { 'envoy.transport_socket_match': { peer: true } };
const plain = (address: string): object => ({ endpoint: { address: envoyAddress(address) } });
const peer = (address: string): object => ({ ...plain(address), metadata: { filter_metadata: PEER } });

/** Priorities without a gap: Envoy refuses one. Empty ones are left out. */
function assignment(name: string, priorities: object[][]): object {
  return {
    cluster_name: name,
    policy: NEVER_SPILL,
    endpoints: priorities
      .filter((each) => each.length > 0)
      .map((lb_endpoints, priority) => ({ ...(priority > 0 && { priority }), lb_endpoints })),
  };
}

/** Other nodes. A node's further sidecar processes have names of their own, and are known by their relay. */
const neighbours = (snapshot: TopologySnapshot, node: EnvoyNode) =>
  snapshot.gateways.filter(
    (each) => each.id !== node.id && !each.isDraining && !each.relay.some((address) => node.relay.includes(address)),
  );

/** Addresses of the neighbours' relays. */
export const neighbourRelayAddresses = (snapshot: TopologySnapshot, node: EnvoyNode): string[] =>
  neighbours(snapshot, node).flatMap((each) => each.relay);

/** Their relays, over mTLS where they ask for it. */
const neighbourRelays = (snapshot: TopologySnapshot, node: EnvoyNode): object[] =>
  neighbours(snapshot, node).flatMap(({ relay: addresses, isRelayTls }) =>
    addresses.map((address) => relay(address, isRelayTls)),
  );

/** Their sidecars, for what Envoy asks. */
const neighbourSidecars = (snapshot: TopologySnapshot, node: EnvoyNode): object[] =>
  neighbours(snapshot, node).flatMap((each) => (each.peer === null ? [] : [peer(each.peer)]));

export const serverEndpoints = (server: ServerTopology, snapshot: TopologySnapshot, node: EnvoyNode): object =>
  assignment(RESOURCE.serverCluster(server.name), [
    server.endpoints.map((endpoint) => replica(endpoint, server)),
    node.relay.map((address) => relay(address)),
    neighbourRelays(snapshot, node),
  ]);

export const relayEndpoints = (snapshot: TopologySnapshot, node: EnvoyNode): object =>
  assignment(RESOURCE.relayCluster, [node.relay.map((address) => relay(address)), neighbourRelays(snapshot, node)]);

export const sidecarEndpoints = (snapshot: TopologySnapshot, node: EnvoyNode): object =>
  assignment(RESOURCE.sidecarCluster, [node.extProc.map(plain), neighbourSidecars(snapshot, node)]);

/** Who answers unary calls about sessions. On a Unix socket that is a server of its own, which costs the sidecar half as much. */
export const decideEndpoints = (snapshot: TopologySnapshot, node: EnvoyNode): object =>
  assignment(RESOURCE.decideCluster, [
    node.extProc.map((address) => plain(address.startsWith('unix:') ? unarySocket(address) : address)),
    neighbourSidecars(snapshot, node),
  ]);
