import { documentPaths, type Place } from '../../proto/place.ts';
import { HEADER, RESOURCE, routeName } from '../../proto/wire.ts';
import type { ServerTopology } from '../topology/topology.ts';
import { corsOnRoute } from './filters/cors.ts';
import { leaveOut } from './filters/ext-proc.ts';
import { headerFilesOnRoute } from './filters/header-files.ts';
import { FILTER } from './filters/names.ts';
import { rateLimitByEnvoy } from './filters/rate-limit.ts';
import { documentRoute } from './protected-resource.ts';
import { sideTable, type SidePath } from '../route-table/side-table.ts';
import { tableMatcher, type OnMatch } from './matcher.ts';
import type { PathEntry } from './scopes.ts';
import { refusedRoute } from './refused-route.ts';
import { plainRetry } from './retry-policy.ts';

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
    ...rateLimitByEnvoy(server),
    ...headerFilesOnRoute(server),
  },
});

/** What is reached at a place beside the MCP endpoint, by the prefix of the path: documents about log-in, and the server's `routes`. */
export function loginRoutes(server: ServerTopology, place: Place): Record<string, PathEntry> {
  const { jwt } = server,
    { routes } = server.policy;
  const side = (path: string, match: object, is: SidePath): OnMatch =>
    tableMatcher(sideTable(server, place, is), ({ to, refusal }) => {
      if (refusal) return refusedRoute(server, match, refusal);
      return to === 'document' && jwt && place.url !== null
        ? documentRoute(server, jwt, path, place.url)
        : toSidecar(server, match);
    });
  const entry = (onMatch: OnMatch, ...paths: string[]): PathEntry => ({ onMatch, paths });
  const documents = documentPaths(place, routes.length > 0).map((path): [string, PathEntry] => [
    path,
    entry(side(path, { path }, 'document'), path),
  ]);
  const further = routes.map((route): [string, PathEntry] => {
    const path = `${place.base}${route}`,
      prefix = path.replace(/\/\*$/, '');
    return path === prefix
      ? [path, entry(side(path, { path }, 'route'), path)]
      : [prefix, entry(side(path, { path_separated_prefix: prefix }, 'route'))];
  });
  return Object.fromEntries([...documents, ...further]);
}
