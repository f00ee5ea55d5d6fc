import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { Place } from '../../proto/place.ts';
import { HEADER, RESOURCE } from '../../proto/wire.ts';
import type { RouteRow } from '../route-table/row.ts';
import type { ServerTopology } from '../topology/topology.ts';
import { askOrGoOn, askSidecar, switchOn } from './filters/ext-proc.ts';
import { challengeOnRoute } from './filters/challenge.ts';
import { corsOnRoute } from './filters/cors.ts';
import { headerFilesOnRoute } from './filters/header-files.ts';
import { jwtOnRoute } from './filters/jwt.ts';
import { FILTER } from './filters/names.ts';
import { isLimited, rateLimitByEnvoy, rateLimitOnRoute } from './filters/rate-limit.ts';
import { pinTo, RELAY_IF_LIMITED, toServer } from './filters/session-id.ts';
import type { RouteOf } from './matcher.ts';
import type { EnvoyNode } from './node.ts';
import { challengeOf } from './protected-resource.ts';
import { refusedRoute } from './refused-route.ts';
import { patient, pinnedRetry, plainRetry, relayPlainRetry, relaySessionRetry, sessionRetry } from './retry-policy.ts';
import { route, type RouteOptions } from './route.ts';

/** Sessions of one slot always meet the same one of a node's relays: it knows their streams. */
const relayOf = (slot: string, relays: readonly string[]): string | undefined =>
  relays[parseInt(slot, 36) % relays.length];

/** A node, and its neighbours' relays (`ip:port`). */
export interface RoutedNode extends EnvoyNode {
  neighbours: readonly string[];
}

/** Neighbours' relays that are tried for a request that nobody decided on. */
const MOST_UNDECIDED = 3;

/** For the routes of a node that say nothing else: those to its relay, which are most. */
export const usualRetry = ({ relay, neighbours }: RoutedNode): object => {
  if (relay.length > 1) return patient(relaySessionRetry);
  return neighbours.length > 0 ? relaySessionRetry : sessionRetry;
};

/** What a form adds to what all routes of a server have in common. */
type Form = Omit<RouteOptions, 'server' | 'kind' | 'path' | 'rewrite' | 'maxBodyBytes' | 'quietMs'>;

/** How Envoy does what the rows of a server's table say, at one path of one place. */
export function rowRoutes(server: ServerTopology, node: RoutedNode, path: string, place: Place): RouteOf {
  const { policy } = server;
  const cluster = RESOURCE.serverCluster(server.name);
  const limitedBy = (rateLimit: Record<string, object>) => ({
    ...corsOnRoute(server),
    ...jwtOnRoute(server),
    ...rateLimit,
    ...headerFilesOnRoute(server),
  });
  const plain = limitedBy(rateLimitOnRoute(server));
  const first = isLimited(server) ? RELAY_IF_LIMITED : '';
  const pins = (on: Record<string, object>, hosts: readonly (string | undefined)[]): Record<string, object> => ({
    ...on,
    [FILTER.sessionHeaders]: pinTo(`${first}${hosts.filter((each) => each !== undefined).join(',')}`),
  });
  // Never for a steady route: what shows a token does not take one, and without a token nobody is asked for it twice.
  const challenge = challengeOnRoute(server, place.url);
  const filters = { ...plain, ...challenge };
  const isHostReplaced = server.backends.some((backend) => backend.hostOverride !== null);
  const replicas: Form = { cluster, readsBodies: true, filters, ...(isHostReplaced && { action: HOST_OF_ENDPOINT }) };
  const isRing = node.relay.length > 1;
  const ring = (policyOfOne: object): object => (isRing ? patient(policyOfOne) : policyOfOne);
  const hasNeighbours = node.neighbours.length > 0,
    hasOthers = isRing || hasNeighbours,
    /** A replica can't be told that another one may have had the request. */
    toReplica = hasOthers ? { retryPolicy: sessionRetry } : {};
  const relay: Form = { cluster: RESOURCE.relayCluster, readsBodies: false, filters, action: BY_SESSION };
  // A sidecar that hangs answers nobody: a neighbour's relay takes the request. With no neighbour the client is told, rather than left waiting for the same sidecar's relay.
  const undecided = node.neighbours.slice(0, MOST_UNDECIDED).join(',');
  // Every host that there is to try: should both the replica and this node's sidecar be gone, a neighbour's relay brings the session back.
  const steadyHosts = ({ address, slot }: ReplicaEndpoint): string[] =>
    [address, relayOf(slot, node.relay), relayOf(slot, node.neighbours)].filter((each) => each !== undefined);

  const form = ({ to }: RouteRow, endpoint: ReplicaEndpoint | undefined): Form => {
    switch (to) {
      case 'preflight':
        return {
          ...replicas,
          readsBodies: false,
          retryPolicy: plainRetry,
          filters: { ...corsOnRoute(server), ...rateLimitByEnvoy(server) },
        };
      case 'web-socket':
        return {
          ...replicas,
          readsBodies: false,
          retryPolicy: plainRetry,
          filters: { ...limitedBy(rateLimitByEnvoy(server)), ...challenge },
        };
      case 'any-replica':
        return { ...replicas, retryPolicy: plainRetry, ...(first !== '' && { filters: pins(filters, []) }) };
      case 'relay-large':
        // Nothing is kept of such a request on the way to the relay, which refuses what is beyond its budget: so Envoy sends it once.
        return { ...relay, retryPolicy: { num_retries: 0 } };
      case 'relay-modern':
        return { ...relay, action: {}, retryPolicy: hasOthers ? ring(relayPlainRetry) : plainRetry };
      case 'relay-new':
        return { ...relay, action: {} };
      case 'guarded-slot':
        // A replica alone could not end its calls well, nor bring a session back. So it is asked only where there is no other relay.
        if (hasNeighbours) return relay;
        return {
          ...replicas,
          cluster: RESOURCE.guardedCluster(server.name),
          readsBodies: false,
          ...toReplica,
          filters: endpoint ? pins(filters, [relayOf(endpoint.slot, node.relay), endpoint.address]) : filters,
        };
      case 'steady-slot': {
        const hosts = endpoint ? steadyHosts(endpoint) : [];
        return {
          ...replicas,
          namesServer: false,
          retryPolicy: pinnedRetry(hosts.length),
          filters: pins(plain, hosts),
        };
      }
      case 'ask':
        return {
          ...replicas,
          namesServer: false,
          ...toReplica,
          filters: {
            ...filters,
            [FILTER.sessionHeaders]: toServer(server.name, undecided),
            [FILTER.askUnary]: undecided === '' ? switchOn : askOrGoOn,
          },
        };
      case 'decide':
        return {
          ...replicas,
          retryPolicy: plainRetry,
          filters: { ...filters, [FILTER.extProc]: askSidecar(server.name) },
        };
      default:
        return relay;
    }
  };
  const common = {
    server: server.name,
    rewrite: policy.path,
    maxBodyBytes: policy.maxBodyBytes,
    challenge: server.jwt && place.url !== null ? challengeOf(place.url, server.jwt) : null,
    origin: policy.originOverride,
  };
  const exactly = { path },
    withSlash = withOrWithoutSlash(path);
  return (row, endpoint) => {
    // An expression for each slot would cost Envoy more time at each push.
    const match = endpoint ? exactly : withSlash;
    return row.refusal
      ? refusedRoute(server, match, row.refusal)
      : route({ ...common, path: match, kind: row.kind, quietMs: row.quietMs ?? 0, ...form(row, endpoint) });
  };
}

/** RouteMatch. With an expression Envoy's `prefix_rewrite` replaces the whole path. */
const withOrWithoutSlash = (path: string): object =>
  path.endsWith('/') ? { path } : { safe_regex: { regex: `${path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}/?` } };

const HOST_OF_ENDPOINT = { auto_host_rewrite: true };
const BY_SESSION = { hash_policy: [{ header: { header_name: HEADER.sessionId } }] };
