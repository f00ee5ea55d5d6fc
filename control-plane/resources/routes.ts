import { HEADER, RESOURCE, routeName } from '../../proto/wire.ts';
import { typed } from '../../proto/xds/loader.ts';
import type { ServerTopology, TopologySnapshot } from '../topology/topology.ts';
import { directResponse } from './direct-response.ts';
import { leaveOut } from './filters/ext-proc.ts';
import { FILTER } from './filters/names.ts';
import type { EnvoyNode } from './node.ts';
import { DEFAULT_BODY_BYTES } from './route.ts';
import { challengeOf, documentRoute, WELL_KNOWN } from './protected-resource.ts';
import { plainRetry, sessionRetry } from './retry-policy.ts';
import type { Memo } from './memo.ts';
import { hasSteadyRoutes, routeInputs, serverRoutes, type RoutedNode } from './server-routes.ts';
import { neighbourRelayAddresses } from './endpoints.ts';

const list = (routes: object[]): object => ({
  action: { name: 'routes', typed_config: typed('envoy.config.route.v3.RouteList', { routes }) },
});

const unread = { [FILTER.jsonToMetadata]: leaveOut, [FILTER.sseToMetadata]: leaveOut };

/** A replica's OAuth documents, which RFC 9728 puts before the path of the resource. `url`: where the resource is, as clients know it. */
const wellKnown = (server: ServerTopology, path: string, url?: string): object =>
  server.jwt && url !== undefined ? documentRoute(server, server.jwt, path, url) : replicaDocument(server, path);

const replicaDocument = (server: ServerTopology, path: string): object => ({
  name: routeName(server.name, 'document'),
  match: { path },
  route: {
    cluster: RESOURCE.serverCluster(server.name),
    timeout: '10s',
    prefix_rewrite: `${WELL_KNOWN}${server.policy.path === '/' ? '' : server.policy.path}`,
    retry_policy: plainRetry,
  },
  typed_per_filter_config: unread,
});

/** The gateway's health through its public port: what its sidecar says. */
const health: object = {
  name: 'health',
  match: { path: '/health' },
  route: { cluster: RESOURCE.relayCluster, timeout: '3s', retry_policy: plainRetry },
  typed_per_filter_config: unread,
};

/**
 * All routes of a gateway. A tree over the path's prefix finds the server, so a request walks only that server's routes, of which there is one
 * or two per slot. `/mcp` alone is the server's when there is just one.
 */
export function gatewayRoutes(snapshot: TopologySnapshot, node: EnvoyNode, memo: Memo): object {
  const only = snapshot.servers.length === 1 ? snapshot.servers[0]! : null;
  const relays = node.relay.join(),
    others = neighbourRelayAddresses(snapshot, node).sort();
  const ofServers = snapshot.servers.map((server) => {
    const inputs = memo.get(`route inputs ${server.name}`, [server], () => routeInputs(server));
    return memo.get(
      `routes ${server.name}`,
      [inputs, relays, only !== null, hasSteadyRoutes(server) ? others.join() : ''],
      () => byPrefixOf(server, { ...node, neighbours: others }, only !== null),
    );
  });
  return memo.get('routes', ofServers, () => virtualHost(Object.assign({ '/health': list([health]) }, ...ofServers)));
}

/** A server's routes, by the prefix of the path. */
function byPrefixOf(server: ServerTopology, node: RoutedNode, isOnly: boolean): Record<string, object> {
  const path = `/mcp/${server.name}`,
    [url, short] = server.jwt?.urls ?? [],
    challenge = (of: string | undefined): string | null =>
      server.jwt && of !== undefined ? challengeOf(of, server.jwt) : null;
  return {
    // Exactly this path: what is below it on a replica is nobody's here. With a slash at its end the relay finds the session's slot.
    [path]: list(serverRoutes(server, node, { path }, challenge(url))),
    [`${path}/`]: list(serverRoutes({ ...server, endpoints: [] }, node, { path: `${path}/` }, challenge(url))),
    [`${WELL_KNOWN}${path}`]: list([wellKnown(server, `${WELL_KNOWN}${path}`, url)]),
    ...(isOnly && {
      '/mcp': list(serverRoutes(server, node, { path: '/mcp' }, challenge(short))),
      [WELL_KNOWN]: list([wellKnown(server, WELL_KNOWN, short), wellKnown(server, `${WELL_KNOWN}/mcp`, short)]),
    }),
  };
}

function virtualHost(byPrefix: Record<string, object>): object {
  return {
    name: RESOURCE.routes,
    virtual_hosts: [
      {
        name: 'all',
        domains: ['*'],
        include_request_attempt_count: true,
        response_headers_to_remove: [HEADER.isFinal],
        retry_policy: sessionRetry,
        request_body_buffer_limit: DEFAULT_BODY_BYTES,
        matcher: {
          matcher_tree: {
            input: {
              name: 'path',
              typed_config: typed('envoy.type.matcher.v3.HttpRequestHeaderMatchInput', { header_name: ':path' }),
            },
            prefix_match_map: { map: byPrefix },
          },
          on_no_match: {
            action: {
              name: 'no-route',
              typed_config: typed('envoy.config.route.v3.Route', {
                name: 'no-route',
                match: { prefix: '/' },
                ...directResponse(404, 'No MCP server at this path'),
              }),
            },
          },
        },
      },
    ],
  };
}
