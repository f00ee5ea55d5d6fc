import { documentPaths, type Place } from '../../proto/place.ts';
import { HEADER, RESOURCE, routeName } from '../../proto/wire.ts';
import { typed } from '../../proto/xds/loader.ts';
import type { ServerTopology } from '../topology/topology.ts';
import { corsOnRoute } from './filters/cors.ts';
import { leaveOut } from './filters/ext-proc.ts';
import { FILTER } from './filters/names.ts';
import { rateLimitOnRoute } from './filters/rate-limit.ts';
import { documentRoute } from './protected-resource.ts';
import { foreignHosts } from './refusals.ts';
import { plainRetry } from './retry-policy.ts';

const list = (routes: object[]): object => ({
  action: { name: 'routes', typed_config: typed('envoy.config.route.v3.RouteList', { routes }) },
});

const add = (key: string, value: string): object => ({
  header: { key, value },
  append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
});

/** Nothing in either direction for this long ends a request for what is not MCP. */
const QUIET = '60s';

/** To the sidecar, which asks a replica and maps the URLs that it names (sidecar/login). Pages of any origin may log in: their tokens are what counts. */
const toSidecar = (server: ServerTopology, match: object): object => ({
  name: routeName(server.name, 'document'),
  match,
  route: { cluster: RESOURCE.relayCluster, timeout: '0s', idle_timeout: QUIET, retry_policy: plainRetry },
  request_headers_to_add: [
    add(HEADER.server, server.name),
    add(HEADER.mode, 'login'),
    add(HEADER.guard, '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'),
  ],
  typed_per_filter_config: {
    [FILTER.jsonToMetadata]: leaveOut,
    [FILTER.sseToMetadata]: leaveOut,
    ...corsOnRoute(server),
    ...rateLimitOnRoute(server),
  },
});

/** What is reached at a place beside the MCP endpoint, by the prefix of the path: documents about log-in, and the server's `routes`. */
export function loginRoutes(server: ServerTopology, place: Place): Record<string, object> {
  const { jwt } = server,
    { routes } = server.policy;
  const documents = documentPaths(place, routes.length > 0).map((path) => [
    path,
    list(
      jwt && place.url !== null
        ? [documentRoute(server, jwt, path, place.url)]
        : [...foreignHosts(server, { path }), toSidecar(server, { path })],
    ),
  ]);
  const further = routes.map((route) => {
    const path = `${place.base}${route}`,
      match = path.endsWith('/*') ? { path_separated_prefix: path.slice(0, -2) } : { path };
    return [path.replace(/\/\*$/, ''), list([...foreignHosts(server, match), toSidecar(server, match)])];
  });
  return Object.fromEntries([...documents, ...further]) as Record<string, object>;
}
