import { hash } from 'node:crypto';
import type { Place } from '../../proto/place.ts';
import { HEADER, RESOURCE } from '../../proto/wire.ts';
import { RESOURCE_TYPE } from '../../proto/xds/loader.ts';
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
import {
  entriesOf,
  hasScopes,
  HEALTH_PATH,
  scopesOf,
  serverEntries,
  type ByHost,
  type EntriesByHost,
  type PathEntry,
  type ServerEntries,
} from './scopes.ts';
import { unlessSeveralHosts } from './several-hosts.ts';
import { neighbourRelayAddresses } from './endpoints.ts';

const ON_MATCH = 'xds.type.matcher.v3.Matcher.OnMatch';

const unread = { [FILTER.jsonToMetadata]: leaveOut, [FILTER.sseToMetadata]: leaveOut };

/** The gateway's health through its public port: what its sidecar says. */
const health: object = {
  name: 'health',
  match: { path: HEALTH_PATH },
  route: { cluster: RESOURCE.relayCluster, timeout: '3s', retry_policy: plainRetry },
  typed_per_filter_config: unread,
};

/**
 * All routes of a gateway, and which of them take the requests of which path. A scope finds the server by the path, a short list its mode, and a tree
 * over the session id the slot. So no request costs more for other servers and replicas, and a change of one server sends the routes of no other.
 * control-plane/topology/places-of.ts says where servers are.
 */
export function gatewayRoutes(
  snapshot: TopologySnapshot,
  node: EnvoyNode,
  memo: Memo,
): Map<string, Map<string, object>> {
  const others = neighbourRelayAddresses(snapshot, node).sort();
  const routed = { ...node, neighbours: others };
  // Short, because it is a part of names; made once, because a node has as many of them as there are servers.
  const relays = hash('sha256', JSON.stringify([node.relay, others]));
  const servers = snapshot.servers.map((server) => entriesOfServer(server, routed, relays, memo));
  const known: Known = {
    hosts: [...new Set(servers.flatMap(({ entries }) => entries.hosts))],
    retry: usualRetry(routed),
    everywhere: {},
  };
  const hostPaths = new Set(servers.flatMap(({ entries }) => entries.hostPaths)),
    ofHosts = [...hostPaths, ...known.hosts].join(' ');
  const paths = servers.map(({ entries }) => entries.paths);
  const scopes = memo.share(`scopes ${node.server ?? ''}`, [ofHosts, ...paths], () =>
    scopesOf(
      servers.map(({ name, entries }) => ({ name, paths: entries.paths })),
      hostPaths,
    ),
  );
  /** The same for all nodes that have the same text here. */
  const ofNodes = [...new Set(servers.map(({ ofNode }) => ofNode))].join(' ');
  const together = (name: string, from: typeof servers, isWanted: (entry: PathEntry) => boolean): [string, object] => [
    name,
    memo.share(`${name} ${ofNodes}`, [ofHosts, ...from.map(({ entries }) => entries)], () =>
      routeConfiguration(
        name,
        from.map(({ entries }) => entriesOf(entries.byHost, isWanted)),
        { ...known, everywhere: { [HEALTH_PATH]: takeRoute(health) } },
      ),
    ),
  ];
  const alone = servers.map(({ name, ofNode, entries }): [string, object] => {
    const routes = RESOURCE.serverRoutes(name);
    return [
      routes,
      memo.share(`${routes} ${ofNode}`, [entries, ofHosts], () =>
        // What is at hosts stays in here as well: its path may be on its way to or from the others.
        routeConfiguration(routes, [entriesOf(entries.byHost, (entry) => entry.paths.length > 0)], known),
      ),
    ];
  });
  const isAtHosts = (of: readonly string[]): boolean => of.some((path) => hostPaths.has(path));
  return new Map([
    [RESOURCE_TYPE.scopes, scopes],
    [
      RESOURCE_TYPE.routes,
      new Map([
        ...alone,
        together(
          RESOURCE.otherRoutes,
          servers.filter(({ entries }) => isAtHosts(entries.paths)),
          (entry) => isAtHosts(entry.paths),
        ),
        ...(hasScopes(snapshot) ? [] : [together(RESOURCE.routes, servers, () => true)]),
      ]),
    ],
  ]);
}

/** A server's entries. `ofNode`: what of the node they depend on, as text. `relays`: digest of its relays and the neighbours'. */
function entriesOfServer(
  server: ServerTopology,
  node: RoutedNode,
  relays: string,
  memo: Memo,
): { name: string; ofNode: string; entries: ServerEntries } {
  const { name } = server,
    isOwn = node.server === name,
    hasNeighbours = node.neighbours.length > 0,
    hasSteady = hasSteadyRows(server);
  const { common, slots } = memo.share(`route inputs ${name}`, [server], () => routeInputs(server));
  // Only pins name relays and slots: those of steady slots, and those of a gateway that is alone.
  const namesRelays = hasSteady || !hasNeighbours;
  const ofNode = [isOwn, hasNeighbours, namesRelays ? relays : node.relay.length].join(' ');
  const make = (): ServerEntries =>
    memo.share(`entries ${name} ${ofNode}`, [common, namesRelays ? slots : ''], () =>
      serverEntries(sealed(routesOf(server, node, isOwn), memo.seal)),
    );
  // Where the relay holds all, its other sessions' row does for a session of a new slot. Only routes that go straight
  // to a replica must know at once. With another gateway, such routes name no slot at all (server-routes.ts).
  const entries = hasSteady || hasNeighbours ? make() : memo.get(`entries ${name}`, [common, ofNode], make, [slots]);
  return { name, ofNode, entries };
}

const sealed = (byHost: ByHost, seal: Seal): ByHost =>
  new Map(
    [...byHost].map(([host, byPrefix]) => [
      host,
      Object.fromEntries(
        Object.entries(byPrefix).map(([prefix, { onMatch, paths }]) => [
          prefix,
          { onMatch: seal(ON_MATCH, onMatch), paths },
        ]),
      ),
    ]),
  );

/** `isOwn`: the node's Envoy is in a pod of this server, whose clients go on asking for the path that the server itself has. */
function routesOf(server: ServerTopology, node: RoutedNode, isOwn: boolean): ByHost {
  const byHost = new Map<string | null, Record<string, PathEntry>>();
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

const byPrefixAt = (place: Place, server: ServerTopology, node: RoutedNode): Record<string, PathEntry> => ({
  ...loginRoutes(server, place),
  ...endpointAt(place, server, node),
});

/** This path, and the same with a slash at its end: what is further below it on a replica is nobody's here. */
const endpointAt = (place: Place, server: ServerTopology, node: RoutedNode): Record<string, PathEntry> => ({
  [place.path]: {
    onMatch: serverRoutes(server, node, place.path, place),
    paths: place.path.endsWith('/') ? [place.path] : [place.path, `${place.path}/`],
  },
});

interface Known {
  /** Every server's own. What has no entry here is not reached here at any other server's host either. */
  hosts: readonly string[];
  retry: object;
  /** What each host has, by the prefix of the path. */
  everywhere: Record<string, object>;
}

function routeConfiguration(
  name: string,
  ofServers: readonly EntriesByHost[],
  { hosts, retry, everywhere }: Known,
): object {
  const virtualHost = (hostName: string, domains: readonly string[], byPrefix: Record<string, object>): object =>
    virtualHostOf(hostName, domains, { ...everywhere, ...byPrefix }, retry);
  const own = ofServers.flatMap((byHost) =>
    [...byHost].flatMap(([host, byPrefix]) => (host === null ? [] : [{ host, byPrefix }])),
  );
  const elsewhere = hosts.filter((host) => !own.some((each) => each.host === host));
  const shared = ofServers.map((byHost) => byHost.get(null) ?? {});
  return {
    name,
    ...(hosts.length > 0 && { ignore_port_in_host_matching: true }),
    virtual_hosts: [
      ...own.map(({ host, byPrefix }) => virtualHost(host, [host], byPrefix)),
      ...(elsewhere.length > 0 ? [virtualHost('elsewhere', elsewhere, {})] : []),
      virtualHost('all', ['*'], Object.assign({}, ...shared) as Record<string, object>),
    ],
  };
}

function virtualHostOf(
  name: string,
  domains: readonly string[],
  byPrefix: Record<string, object>,
  retry: object,
): object {
  const noRoute = takeRoute({
    name: 'no-route',
    match: { prefix: '/' },
    ...directResponse(404, 'No MCP server at this path'),
  });
  return {
    name,
    domains,
    include_request_attempt_count: true,
    response_headers_to_remove: [HEADER.isFinal, HEADER.unhealthy],
    retry_policy: retry,
    request_body_buffer_limit: DEFAULT_BODY_BYTES,
    matcher: unlessSeveralHosts(
      Object.keys(byPrefix).length === 0
        ? { on_no_match: noRoute }
        : {
            matcher_tree: { input: headerInput(':path'), prefix_match_map: { map: byPrefix } },
            on_no_match: noRoute,
          },
    ),
  };
}
