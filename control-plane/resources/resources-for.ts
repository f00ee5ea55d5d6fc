import { RESOURCE_TYPE } from '../../proto/xds/loader.ts';
import { RESOURCE, SERVER_POLICY_TYPE } from '../../proto/wire.ts';
import type { TopologySnapshot } from '../topology/topology.ts';
import { jwksClusters, relayCluster, serverCluster, sidecarCluster } from './clusters.ts';
import { relayEndpoints, serverEndpoints, sidecarEndpoints } from './endpoints.ts';
import { gatewayListener } from './listener.ts';
import type { EnvoyNode } from './node.ts';
import { policyResource } from './policy.ts';
import { gatewayRoutes } from './routes.ts';

/** Type URL → name → resource in Envoy's JSON form. */
export type PlainResources = Map<string, Map<string, object>>;

/** What a gateway's Envoy is told. Nodes differ only in their own addresses and in who is a neighbour. */
export function gatewayResources(snapshot: TopologySnapshot, node: EnvoyNode): PlainResources {
  return new Map([
    [RESOURCE_TYPE.cluster, new Map([
      [RESOURCE.sidecarCluster, sidecarCluster(snapshot)],
      [RESOURCE.relayCluster, relayCluster(snapshot)],
      ...snapshot.servers.map((server): [string, object] => [RESOURCE.serverCluster(server.name), serverCluster(server, snapshot)]),
      ...snapshot.servers.flatMap(jwksClusters),
    ])],
    [RESOURCE_TYPE.endpoints, new Map([
      [RESOURCE.sidecarCluster, sidecarEndpoints(snapshot, node)],
      [RESOURCE.relayCluster, relayEndpoints(snapshot, node)],
      ...snapshot.servers.map((server): [string, object] => [RESOURCE.serverCluster(server.name), serverEndpoints(server, snapshot, node)]),
    ])],
    [RESOURCE_TYPE.listener, new Map([[RESOURCE.listener, gatewayListener(snapshot, node)]])],
    [RESOURCE_TYPE.routes, new Map([[RESOURCE.routes, gatewayRoutes(snapshot, node)]])],
  ]);
}

const NO_RELAY: EnvoyNode = { id: '', role: 'gateway', listen: '', extProc: [], relay: [] };

/** What every sidecar is told: the replicas and the policy of each server. */
export function sidecarResources(snapshot: TopologySnapshot): PlainResources {
  const replicasOnly = { ...snapshot, gateways: [] };
  return new Map([
    [RESOURCE_TYPE.endpoints, new Map(snapshot.servers.map((server) => [RESOURCE.serverCluster(server.name), serverEndpoints(server, replicasOnly, NO_RELAY)]))],
    [SERVER_POLICY_TYPE, new Map(snapshot.servers.map((server) => [server.name, policyResource(server)]))],
  ]);
}
