import type { Place } from '../../proto/place.ts';
import { HEADER, RESOURCE } from '../../proto/wire.ts';
import type { ServerTopology, TopologySnapshot } from '../topology/topology.ts';
import { directResponse } from './direct-response.ts';
import { leaveOut } from './filters/ext-proc.ts';
import { FILTER } from './filters/names.ts';
import type { EnvoyNode } from './node.ts';
import { DEFAULT_BODY_BYTES } from './route.ts';
import { loginRoutes } from './login-routes.ts';
import { plainRetry } from './retry-policy.ts';
import type { Memo, Seal } from './memo.ts';
import { hasSteadyRows } from '../route-table/route-table.ts';
import { headerInput, takeRoute } from './matcher.ts';
import { usualRetry, type RoutedNode } from './row-routes.ts';
import { routeInputs, serverRoutes } from './server-routes.ts';
import { unlessSeveralHosts } from './several-hosts.ts';
import { neighbourRelayAddresses } from './endpoints.ts';

const ON_MATCH = 'xds.type.matcher.v3.Matcher.OnMatch';

const unread = { [FILTER.jsonToMetadata]: leaveOut, [FILTER.sseToMetadata]: leaveOut };

/** The gateway's health through its public port: what its sidecar says. */
const health: object = {
  name: 'health',
  match: { path: '/health' },
  route: { cluster: RESOURCE.relayCluster, timeout: '3s', retry_policy: plainRetry },
  typed_per_filter_config: unread,
};

/**
 * All routes of a gateway. A tree over the path's prefix finds the server, a short list its mode, and a tree over the
 * session id the slot. So no request costs more for other servers and replicas. control-plane/topology/places-of.ts
 * says where servers are.
 */
export function gatewayRoutes(snapshot: TopologySnapshot, node: EnvoyNode, memo: Memo): object {
  const relays = node.relay.join(),
    others = neighbourRelayAddresses(snapshot, node).sort();
  const routed = { ...node, neighbours: others };
  const ofServers = snapshot.servers.map((server) => {
    const { common, slots } = memo.get(`route inputs ${server.name}`, [server], () => routeInputs(server));
    const make = (): ByHost => sealed(routesOf(server, routed, node.server === server.name), memo.seal);
    // Where the relay holds all, its other sessions' row does for a session of a new slot: only what goes straight to a replica must know at once.
    // With another gateway, such routes name no slot at all (server-routes.ts).
    return hasSteadyRows(server)
      ? memo.get(`routes ${server.name}`, [common, relays, others.join(), slots], make)
      : memo.get(`routes ${server.name}`, [common, relays, others.length > 0], make, others.length > 0 ? [] : [slots]);
  });
  return memo.get('routes', [relays, others.length > 0, ...ofServers], () =>
    routeConfiguration(ofServers, usualRetry(routed)),
  );
}

/** A server's routes by the prefix of the path, for each host of its own, and for all others (null). */
type ByHost = ReadonlyMap<string | null, Record<string, object>>;

const sealed = (byHost: ByHost, seal: Seal): ByHost =>
  new Map(
    [...byHost].map(([host, byPrefix]) => [
      host,
      Object.fromEntries(Object.entries(byPrefix).map(([prefix, onMatch]) => [prefix, seal(ON_MATCH, onMatch)])),
    ]),
  );

/** `isOwn`: the node's Envoy is in a pod of this server, whose clients go on asking for the path that the server itself has. */
function routesOf(server: ServerTopology, node: RoutedNode, isOwn: boolean): ByHost {
  const byHost = new Map<string | null, Record<string, object>>();
  if (isOwn) byHost.set(null, endpointAt(ownPlace(server), server, node));
  for (const place of server.policy.places)
    byHost.set(place.host, { ...byHost.get(place.host), ...byPrefixAt(place, server, node) });
  return byHost;
}

/** Who has no token is sent to the documents of the place that all nodes have. */
const ownPlace = ({ policy }: ServerTopology): Place => ({
  host: null,
  path: policy.path,
  base: '',
  url: policy.places[0]?.url ?? null,
});

const byPrefixAt = (place: Place, server: ServerTopology, node: RoutedNode): Record<string, object> => ({
  ...loginRoutes(server, place),
  ...endpointAt(place, server, node),
});

/** This path, and the same with a slash at its end: what is further below it on a replica is nobody's here. */
const endpointAt = (place: Place, server: ServerTopology, node: RoutedNode): Record<string, object> => ({
  [place.path]: serverRoutes(server, node, place.path, place),
});

function routeConfiguration(ofServers: readonly ByHost[], retry: object): object {
  const virtualHost = (name: string, domains: string[], byPrefix: Record<string, object>): object =>
    virtualHostOf(name, domains, byPrefix, retry);
  const own = ofServers.flatMap((byHost) =>
    [...byHost].flatMap(([host, byPrefix]) => (host === null ? [] : [virtualHost(host, [host], byPrefix)])),
  );
  const shared = ofServers.map((byHost) => byHost.get(null) ?? {});
  return {
    name: RESOURCE.routes,
    ...(own.length > 0 && { ignore_port_in_host_matching: true }),
    virtual_hosts: [...own, virtualHost('all', ['*'], Object.assign({}, ...shared) as Record<string, object>)],
  };
}

function virtualHostOf(name: string, domains: string[], byPrefix: Record<string, object>, retry: object): object {
  return {
    name,
    domains,
    include_request_attempt_count: true,
    response_headers_to_remove: [HEADER.isFinal, HEADER.unhealthy],
    retry_policy: retry,
    request_body_buffer_limit: DEFAULT_BODY_BYTES,
    matcher: unlessSeveralHosts({
      matcher_tree: {
        input: headerInput(':path'),
        prefix_match_map: { map: { '/health': takeRoute(health), ...byPrefix } },
      },
      on_no_match: takeRoute({
        name: 'no-route',
        match: { prefix: '/' },
        ...directResponse(404, 'No MCP server at this path'),
      }),
    }),
  };
}
