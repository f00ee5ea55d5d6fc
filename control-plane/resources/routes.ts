import { RESOURCE, routeName } from '../../proto/wire.ts';
import { typed } from '../../proto/xds/loader.ts';
import type { ServerTopology, TopologySnapshot } from '../topology/topology.ts';
import { directResponse } from './direct-response.ts';
import { leaveOut } from './filters/ext-proc.ts';
import { FILTER } from './filters/names.ts';
import type { EnvoyNode } from './node.ts';
import { plainRetry, sessionRetry } from './retry-policy.ts';
import { serverRoutes } from './server-routes.ts';

const DEFAULT_BODY_BYTES = 4 << 20;
const WELL_KNOWN = '/.well-known/oauth-protected-resource';

const list = (routes: object[]): object => ({ action: { name: 'routes', typed_config: typed('envoy.config.route.v3.RouteList', { routes }) } });

/** A replica's OAuth documents, which RFC 9728 puts before the path of the resource. */
const wellKnown = (server: ServerTopology, path: string): object => ({
  name: routeName(server.name, 'document'),
  match: { path },
  route: { cluster: RESOURCE.serverCluster(server.name), timeout: '10s', prefix_rewrite: `${WELL_KNOWN}${server.policy.path === '/' ? '' : server.policy.path}`, retry_policy: plainRetry },
  typed_per_filter_config: { [FILTER.jsonToMetadata]: leaveOut, [FILTER.sseToMetadata]: leaveOut },
});

/** The gateway's health through its public port: what its sidecar says. */
const health: object = {
  name: 'health',
  match: { path: '/health' },
  route: { cluster: RESOURCE.relayCluster, timeout: '3s', retry_policy: plainRetry },
  typed_per_filter_config: { [FILTER.jsonToMetadata]: leaveOut, [FILTER.sseToMetadata]: leaveOut },
};

/**
 * All routes of a gateway. A tree over the path's prefix finds the server, so a request walks only that server's routes, of which there is one
 * or two per slot. `/mcp` alone is the server's when there is just one.
 */
export function gatewayRoutes(snapshot: TopologySnapshot, node: EnvoyNode): object {
  const only = snapshot.servers.length === 1 ? snapshot.servers[0]! : null;
  const byPrefix: Record<string, object> = { '/health': list([health]) };
  for (const server of snapshot.servers) {
    const path = `/mcp/${server.name}`;
    byPrefix[path] = list(serverRoutes(server, node, { path_separated_prefix: path }));
    byPrefix[`${WELL_KNOWN}${path}`] = list([wellKnown(server, `${WELL_KNOWN}${path}`)]);
  }
  if (only) {
    byPrefix['/mcp'] = list(serverRoutes(only, node, { path: '/mcp' }));
    byPrefix[WELL_KNOWN] = list([wellKnown(only, WELL_KNOWN), wellKnown(only, `${WELL_KNOWN}/mcp`)]);
  }
  return {
    name: RESOURCE.routes,
    virtual_hosts: [{
      name: 'all',
      domains: ['*'],
      include_request_attempt_count: true,
      retry_policy: sessionRetry,
      request_body_buffer_limit: DEFAULT_BODY_BYTES,
      matcher: {
        matcher_tree: {
          input: { name: 'path', typed_config: typed('envoy.type.matcher.v3.HttpRequestHeaderMatchInput', { header_name: ':path' }) },
          prefix_match_map: { map: byPrefix },
        },
        on_no_match: {
          action: {
            name: 'no-route',
            typed_config: typed('envoy.config.route.v3.Route', { name: 'no-route', match: { prefix: '/' }, ...directResponse(404, 'No MCP server at this path') }),
          },
        },
      },
    }],
  };
}
