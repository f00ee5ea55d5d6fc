import type { Place } from '../../proto/place.ts';
import { callTimeoutMs } from '../../proto/server-policy.ts';
import { HEADER, QUERY, RESOURCE } from '../../proto/wire.ts';
import type { ServerTopology } from '../topology/topology.ts';
import { askOrGoOn, askSidecar, switchOn } from './filters/ext-proc.ts';
import { challengeOnRoute } from './filters/challenge.ts';
import { corsOnRoute } from './filters/cors.ts';
import { jwtOnRoute } from './filters/jwt.ts';
import { FILTER } from './filters/names.ts';
import { rateLimitOnRoute } from './filters/rate-limit.ts';
import { pinTo, toServer } from './filters/session-id.ts';
import type { EnvoyNode } from './node.ts';
import { challengeOf } from './protected-resource.ts';
import { refusals } from './refusals.ts';
import { patient, pinnedRetry, plainRetry, sessionRetry } from './retry-policy.ts';
import { route } from './route.ts';
import {
  freeMethods,
  hasSession,
  isLarge,
  isMcpMethod,
  isMethod,
  isModern,
  lacksHeader,
  ofSlot,
} from './route-match.ts';

/** Sessions of one slot always meet the same one of a node's relays: it knows their streams. */
const relayOf = (slot: string, relays: readonly string[]): string | undefined =>
  relays[parseInt(slot, 36) % relays.length];

/** A node, and its neighbours' relays (`ip:port`). */
export interface RoutedNode extends EnvoyNode {
  neighbours: readonly string[];
}

/** Neighbours' relays that are tried for a request that nobody decided on. */
const MOST_UNDECIDED = 3;

/** Whether a relay has to read every request: to compare it with rules, or to count it for the fleet. */
const isRead = ({ authorization, fleetLimits }: ServerTopology['policy']): boolean =>
  authorization !== undefined || fleetLimits.length > 0;

/** What the relay holds. Of a server with `jwt` the streams, too: only the relay ends them when their token does, and compares what they say with rules. */
const held = ({
  policy: { guard, authorization, fleetLimits },
  jwt,
}: Pick<ServerTopology, 'policy' | 'jwt'>): { calls: boolean; streams: boolean } => ({
  calls: guard.includes('calls'),
  streams: guard.includes('streams') || jwt !== null || authorization !== undefined || fleetLimits.length > 0,
});
const holdsAll = (server: Pick<ServerTopology, 'policy' | 'jwt'>): boolean =>
  held(server).calls && held(server).streams;

/** Whether sessions of this server may go straight to their replica: only then do its routes name the neighbours. */
export const hasSteadyRoutes = (server: ServerTopology): boolean => !holdsAll(server);

/** What a server's routes are made of, as text: while it stays the same, so do they. */
export const routeInputs = ({ endpoints, hasOpenToolBreaker, policy, ...server }: ServerTopology): string => {
  const isAllGuarded = holdsAll({ policy, jwt: server.jwt });
  return JSON.stringify([
    server.name,
    server.backends.map(({ hostOverride }) => hostOverride),
    server.allowedOrigins,
    server.allowedHosts,
    server.cors,
    server.jwt,
    server.rateLimit,
    policy.guard,
    policy.bind,
    policy.path,
    policy.places,
    policy.routes,
    server.mapsChallenge,
    policy.originOverride,
    policy.maxBodyBytes,
    policy.affinity.calls,
    policy.sharedCache,
    callTimeoutMs(policy),
    isRead(policy),
    isAllGuarded ? null : hasOpenToolBreaker,
    endpoints.map(({ slot, address, isSteady }) => [slot, address, isAllGuarded ? null : isSteady]),
  ]);
};

/**
 * A server's routes below `path` (RouteMatch without headers), first match wins:
 * refused → large bodies → modern that any replica answers → other modern → sessions that need no decision → other sessions → no session.
 */
export function serverRoutes(server: ServerTopology, node: RoutedNode, path: object, place: Place): object[] {
  const { policy } = server;
  const cluster = RESOURCE.serverCluster(server.name);
  const { calls: holdsCalls, streams: holdsStreams } = held(server);
  const guarded = ['DELETE', ...(holdsCalls ? ['POST'] : []), ...(holdsStreams ? ['GET'] : [])];
  const isAllGuarded = holdsAll(server),
    isUnguarded = !holdsCalls && !holdsStreams;
  const plain = { ...corsOnRoute(server), ...jwtOnRoute(server), ...rateLimitOnRoute(server) };
  // Never for a steady route: what shows a token does not take one, and without a token nobody is asked for it twice.
  const policies = { ...plain, ...challengeOnRoute(server, place.url) };
  const common = {
    server: server.name,
    path,
    filters: policies,
    rewrite: policy.path,
    maxBodyBytes: policy.maxBodyBytes,
    challenge: server.jwt && place.url !== null ? challengeOf(place.url, server.jwt) : null,
    origin: policy.originOverride,
    ...(server.backends.some((backend) => backend.hostOverride !== null) && { action: { auto_host_rewrite: true } }),
  };
  const isRing = node.relay.length > 1;
  const relay = {
    ...common,
    cluster: RESOURCE.relayCluster,
    readsBodies: false,
    ...(isRing && { retryPolicy: patient(sessionRetry) }),
    action: { hash_policy: [{ header: { header_name: HEADER.sessionId } }] },
  };
  const decide = {
    ...common,
    cluster,
    kind: 'decide' as const,
    readsBodies: true,
    filters: { ...policies, [FILTER.extProc]: askSidecar(server.name) },
  };

  // A sidecar that hangs answers nobody: a neighbour's relay takes the request. With no neighbour the client is told, rather than left waiting for the same sidecar's relay.
  const undecided = node.neighbours.slice(0, MOST_UNDECIDED).join(',');
  const ask = {
    ...decide,
    namesServer: false,
    filters: {
      ...policies,
      [FILTER.sessionHeaders]: toServer(server.name, undecided),
      [FILTER.askOnce]: undecided === '' ? switchOn : askOrGoOn,
    },
  };

  const toRelay = route({
    ...relay,
    kind: 'relay',
    headers: isAllGuarded ? [hasSession] : [hasSession, isMethod(...guarded)],
  });
  // Nothing is kept of such a request on the way to the relay, which refuses what is beyond its budget: so Envoy sends it once.
  const large = route({
    ...relay,
    kind: 'relay',
    retryPolicy: { num_retries: 0 },
    headers: [...(holdsCalls ? [lacksHeader(HEADER.sessionId)] : []), isMethod('POST'), isLarge(policy.maxBodyBytes)],
  });
  const modern = [lacksHeader(HEADER.sessionId), ...isModern];
  // A session of a principal is looked up, whatever its id says. Where Envoy verifies tokens all are; elsewhere those that show a token may be.
  const isNobodys = policy.bind === 'off' ? [] : [lacksHeader('authorization')];
  // Where rules decide nothing reaches a replica but from a relay, whatever becomes of this node's.
  const isRuled = isRead(policy);
  const ofSlots = (server.jwt || isRuled ? [] : server.endpoints).flatMap((endpoint) => {
    const own = relayOf(endpoint.slot, node.relay);
    const pins = (on: Record<string, object>, ...list: Array<string | undefined>): Record<string, object> => ({
      ...on,
      [FILTER.sessionHeaders]: pinTo(list.filter((each) => each !== undefined).join(',')),
    });
    const slot = ofSlot(endpoint.slot);
    const guardedRoutes = isUnguarded
      ? []
      : [
          route({
            ...common,
            cluster,
            kind: 'guarded',
            readsBodies: false,
            headers: isAllGuarded ? [slot] : [slot, isMethod(...guarded)],
            filters: pins(policies, own, endpoint.address),
          }),
        ];
    // The relay decides anyway, so its routes stay as they are when a replica's health or a breaker changes: nothing to push.
    if (isAllGuarded || !endpoint.isSteady) return guardedRoutes;
    // Every host that there is to try: should both the replica and this node's sidecar be gone, a neighbour's relay brings the session back.
    const hosts = [endpoint.address, own, relayOf(endpoint.slot, node.neighbours)].filter((each) => each !== undefined);
    const steady = {
      ...common,
      cluster,
      kind: 'steady' as const,
      readsBodies: true,
      namesServer: false,
      retryPolicy: pinnedRetry(hosts.length),
      filters: pins(plain, ...hosts),
    };
    // Without a guard every change of health sends all routes again: one per slot where one will do.
    if (isUnguarded && !server.hasOpenToolBreaker && callTimeoutMs(policy) === 0)
      return [route({ ...steady, headers: [slot, ...isNobodys] })];
    return [
      ...guardedRoutes,
      ...(holdsStreams ? [] : [route({ ...steady, headers: [slot, isMethod('GET'), ...isNobodys] })]),
      // With a tool's breaker open, calls that no relay holds must be decided on one by one.
      ...(holdsCalls || server.hasOpenToolBreaker
        ? []
        : [route({ ...steady, headers: [slot, isMethod('POST'), ...isNobodys], quietMs: callTimeoutMs(policy) })]),
    ];
  });

  const webSocket = route({
    ...common,
    cluster,
    kind: 'upgrade',
    readsBodies: false,
    retryPolicy: plainRetry,
    headers: [{ name: 'upgrade', string_match: { exact: 'websocket', ignore_case: true } }],
  });
  const free = route({
    ...common,
    cluster,
    kind: 'modern',
    readsBodies: true,
    retryPolicy: plainRetry,
    headers: [...modern, isMcpMethod(freeMethods(server))],
  });
  return [
    ...refusals(server, path),
    // A browser sends no token with it. Where the server has no CORS policy here, its replicas may have one.
    route({
      ...common,
      cluster,
      kind: 'upgrade',
      readsBodies: false,
      retryPolicy: plainRetry,
      headers: [isMethod('OPTIONS')],
      filters: { ...corsOnRoute(server), ...rateLimitOnRoute(server) },
    }),
    ...(isRuled ? [] : [webSocket]),
    large,
    ...(isRuled ? [] : [free]),
    // Tasks, requestState, handles, subscriptions and discovery need the body, and what only some replicas know.
    route({
      ...relay,
      action: {},
      kind: 'relay',
      retryPolicy: isRing ? patient(plainRetry) : plainRetry,
      headers: modern,
    }),
    // What no slot's own routes take up; with nothing guarded but DELETE, before them.
    ...(isUnguarded ? [toRelay, ...ofSlots] : [...ofSlots, toRelay]),
    ...(holdsStreams ? [] : [route({ ...ask, headers: [hasSession, isMethod('GET')] })]),
    ...(isAllGuarded ? [] : [route({ ...ask, headers: [hasSession], quietMs: callTimeoutMs(policy) })]),
    // Without a session a GET is the beginning of HTTP+SSE (2024-11-05), which only the relay speaks; its messages carry the session in the query.
    route({ ...relay, kind: 'sse', headers: [isMethod('GET')] }),
    route({
      ...relay,
      kind: 'sse',
      path: { ...path, query_parameters: [{ name: QUERY.sseSession, present_match: true }] },
    }),
    isRuled ? route({ ...relay, action: {}, kind: 'relay' }) : route({ ...decide, retryPolicy: plainRetry }),
  ];
}
