import { RESOURCE_TYPE } from '../../proto/xds/loader.ts';
import { RESOURCE, SERVER_POLICY_TYPE } from '../../proto/wire.ts';
import { edgeSchema } from '../config/config-schema.ts';
import { hasGuardedSlots } from '../route-table/route-table.ts';
import type { TopologySnapshot } from '../topology/topology.ts';
import {
  decideCluster,
  guardedCluster,
  jwksClusters,
  PEERS,
  relayCluster,
  serverCluster,
  serverSecrets,
  sidecarCluster,
} from './clusters.ts';
import { gatewaysClusters, gatewaysEndpoints, hasGateways } from './edge/edge-cluster.ts';
import { edgeListeners } from './edge/edge-listener.ts';
import { EDGE_ROUTES, edgeRoutes } from './edge/edge-routes.ts';
import {
  decideEndpoints,
  neighbourRelayAddresses,
  relayEndpoints,
  serverEndpoints,
  sidecarEndpoints,
} from './endpoints.ts';
import { jwtExtension } from './filters/jwt.ts';
import { rateLimitExtensions } from './filters/rate-limit.ts';
import { gatewayListener } from './listener.ts';
import { Memo } from './memo.ts';
import type { EnvoyNode } from './node.ts';
import { policyResource } from './policy.ts';
import { gatewayRoutes } from './routes.ts';
import { hasScopes } from './scopes.ts';
import { downstreamSecrets, peerSecrets, upstreamSecrets } from './tls.ts';
import { COLLECTOR, collectorCluster, collectorSecrets, sendsSpans } from './tracing.ts';

/** Type URL → name → resource in Envoy's JSON form. */
export type PlainResources = Map<string, Map<string, object>>;

/**
 * What a gateway's Envoy is told. Nodes differ only in their own addresses and in who is a neighbour. With the memo of the node's last time, whatever
 * did not change is the very same object.
 */
export function gatewayResources(snapshot: TopologySnapshot, node: EnvoyNode, memo = new Memo()): PlainResources {
  const { servers, gateways, gatewaysOut, gateway, tracing } = snapshot;
  const own = JSON.stringify(node);
  const guarded = neighbourRelayAddresses(snapshot, node).length > 0 ? [] : servers.filter(hasGuardedSlots);
  const ofFilters = memo.get('filter inputs', [servers], () =>
    JSON.stringify(servers.map(({ name, jwt, rateLimit }) => [name, jwt, rateLimit])),
  );
  return new Map([
    [
      RESOURCE_TYPE.cluster,
      new Map([
        [RESOURCE.sidecarCluster, memo.get('sidecar', [gateway], () => sidecarCluster(snapshot))],
        [RESOURCE.relayCluster, memo.get('relay', [gateway, own], () => relayCluster(snapshot, node))],
        [RESOURCE.decideCluster, memo.get('decide', [gateway], () => decideCluster(snapshot))],
        ...servers.map((server): [string, object] => [
          RESOURCE.serverCluster(server.name),
          memo.get(`cluster ${server.name}`, [server, gateway], () => serverCluster(server, snapshot)),
        ]),
        ...guarded.map((server): [string, object] => [
          RESOURCE.guardedCluster(server.name),
          memo.get(`guarded cluster ${server.name}`, [server, gateway], () => guardedCluster(server, snapshot)),
        ]),
        ...memo.get('jwks', [ofFilters], () => servers.flatMap(jwksClusters)),
        ...memo.get('collector', [tracing], () => collector(tracing, 'gateway')),
      ]),
    ],
    [
      RESOURCE_TYPE.endpoints,
      new Map([
        [
          RESOURCE.sidecarCluster,
          memo.get('sidecar endpoints', [gateways, own], () => sidecarEndpoints(snapshot, node)),
        ],
        [RESOURCE.relayCluster, memo.get('relay endpoints', [gateways, own], () => relayEndpoints(snapshot, node))],
        [RESOURCE.decideCluster, memo.get('decide endpoints', [gateways, own], () => decideEndpoints(snapshot, node))],
        ...servers.map((server): [string, object] => [
          RESOURCE.serverCluster(server.name),
          memo.get(`endpoints ${server.name}`, [server, gateways, own], () => serverEndpoints(server, snapshot, node)),
        ]),
      ]),
    ],
    [
      RESOURCE_TYPE.extensions,
      memo.get(
        'extensions',
        [ofFilters, own],
        () => new Map([jwtExtension(snapshot), ...rateLimitExtensions(snapshot, node)]),
      ),
    ],
    // Without its listener Envoy takes no connection more, tells the ones it has to go (Connection: close, GOAWAY), and lets their requests end.
    [
      RESOURCE_TYPE.listener,
      gatewaysOut.includes(node.id)
        ? new Map()
        : new Map([
            [
              RESOURCE.listener,
              memo.get('listener', [gateway, own, tracing, snapshot.edge === null, hasScopes(snapshot)], () =>
                gatewayListener(snapshot, node),
              ),
            ],
          ]),
    ],
    ...gatewayRoutes(snapshot, node, memo),
    [
      RESOURCE_TYPE.secrets,
      new Map([
        ...memo.get('secrets', [gateway, tracing, node.id], () =>
          ofNode(node, [
            ...(tracing && sendsSpans(tracing, 'gateway') ? collectorSecrets(tracing) : []),
            ...(gateway.tls ? downstreamSecrets('gateway', gateway.tls) : []),
            ...(gateway.peerTls ? peerSecrets(PEERS, gateway.peerTls, snapshot.trustDomain) : []),
          ]),
        ),
        ...servers.flatMap((server) => memo.get(`secrets ${server.name}`, [server], () => serverSecrets(server))),
      ]),
    ],
  ]);
}

/** What an Envoy in the edge role is told; nothing while no gateway is known. */
export function edgeResources(snapshot: TopologySnapshot, node: EnvoyNode): PlainResources | undefined {
  if (!hasGateways(snapshot)) return undefined;
  const edge = snapshot.edge ?? edgeSchema.parse({});
  return new Map([
    [RESOURCE_TYPE.cluster, new Map([...gatewaysClusters(snapshot, edge), ...collector(snapshot.tracing, 'edge')])],
    [RESOURCE_TYPE.endpoints, new Map([[RESOURCE.edgeCluster, gatewaysEndpoints(snapshot)]])],
    [RESOURCE_TYPE.listener, new Map(edgeListeners(edge, snapshot.gateway, snapshot.tracing, node))],
    [RESOURCE_TYPE.routes, new Map([[EDGE_ROUTES, edgeRoutes(edge, snapshot)]])],
    [
      RESOURCE_TYPE.secrets,
      new Map(
        ofNode(node, [
          ...(edge.tls ? downstreamSecrets('edge', edge.tls) : []),
          ...(edge.gatewayTls ? upstreamSecrets('gateways', edge.gatewayTls) : []),
          ...(snapshot.tracing && sendsSpans(snapshot.tracing, 'edge') ? collectorSecrets(snapshot.tracing) : []),
        ]),
      ),
    ],
  ]);
}

const collector = (tracing: TopologySnapshot['tracing'], role: EnvoyNode['role']): Array<[string, object]> =>
  tracing && sendsSpans(tracing, role) ? [[COLLECTOR, collectorCluster(tracing)]] : [];

/** Files whose names have `{node}` in them are each node's own. */
const ofNode = (node: EnvoyNode, secrets: Array<[string, object]>): Array<[string, object]> =>
  secrets.map(([name, secret]) => [name.replaceAll('{node}', node.id), replaced(secret, '{node}', node.id)]);

/** The same JSON with another text in the place of one, in every text of it. */
function replaced<T>(json: T, was: string, is: string): T {
  if (typeof json === 'string') return json.replaceAll(was, is) as T;
  if (Array.isArray(json)) return json.map((each) => replaced(each, was, is)) as T;
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(Object.entries(json).map(([key, each]) => [key, replaced(each, was, is)])) as T;
}

const NO_RELAY: EnvoyNode = { id: '', role: 'gateway', listen: '', extProc: [], relay: [] };

/** What every sidecar is told: the replicas and the policy of each server, and the relays of all gateways. */
export function sidecarResources(snapshot: TopologySnapshot, memo = new Memo()): PlainResources {
  return new Map([
    [
      RESOURCE_TYPE.endpoints,
      new Map(
        snapshot.servers.map((server) => [
          RESOURCE.serverCluster(server.name),
          memo.get(`endpoints ${server.name}`, [server, snapshot.gateways], () =>
            serverEndpoints(server, snapshot, NO_RELAY),
          ),
        ]),
      ),
    ],
    [
      SERVER_POLICY_TYPE,
      new Map(
        snapshot.servers.map((server) => [
          server.name,
          memo.get(`policy ${server.name}`, [server], () => policyResource(server)),
        ]),
      ),
    ],
  ]);
}
