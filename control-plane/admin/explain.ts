import { isHostAllowed, isOriginAllowed } from '../topology/allowed-origins.ts';
import { QUERY, routeName, type RouteKind } from '../../proto/wire.ts';
import { parseSessionId } from '../../proto/session-id.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { ServerTopology, TopologySnapshot } from '../topology/topology.ts';
import type { Act } from '../../proto/authorization/rule-book.ts';
import type { Claims } from '../../proto/authorization/claim-values.ts';
import { freeMethods } from '../resources/route-match.ts';
import { rulesSay } from './explain-rules.ts';
import { placement } from './placement-words.ts';
import { placedAt } from './server-at.ts';
import type { SessionView } from './session-reader.ts';

/** A request as far as it decides the way. Header names in lower case. */
export interface ExplainedRequest {
  method: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  /** What its body asks to do, and the claims of its token, for the server's rules. */
  act?: Act;
  claims?: Claims | null;
}

export interface Explanation {
  /** Name of the route, as the access log has it. */
  route: string;
  server: string | null;
  slot: string | null;
  replica: string | null;
  address: string | null;
  /** What happens and why, in order, in plain words. */
  why: string[];
}

/** What is known of the session: its record, that there is none, or that nobody could be asked. */
export type KnownSession = SessionView | 'none' | 'unknown';

/** Which way a request goes through a gateway, and why. Follows control-plane/resources/server-routes.ts; a test compares it with Envoy's access log. */
export function explain(request: ExplainedRequest, topology: TopologySnapshot, session: KnownSession): Explanation {
  const [path = ''] = request.path.split('?');
  if (path === '/health' || path.startsWith('/health/'))
    return simple('health', null, ['The path is the gateway’s own health check: its sidecar answers.']);
  const placed = placedAt(path, request.headers['host'], topology);
  if (!placed) {
    const known = topology.servers.map(({ name }) => `/mcp/${name}`).join(', ');
    return simple('no-route', null, [
      `No server is at ${path}: Envoy answers 404 itself. There are ${known || 'no servers'}.`,
    ]);
  }
  const { server, is } = placed;
  if (is !== 'endpoint')
    return simple(routeName(server.name, 'document'), server, [
      server.jwt
        ? 'The path is the server’s OAuth document: the gateway answers it itself.'
        : 'The path is about log-in, or one of `routes`: the sidecar asks the oldest replica that takes sessions, and maps its URLs.',
    ]);
  const found = refused(request, server) ?? byHeaders(request, server, session);
  return { ...found, why: [...found.why, ...rulesSay(request, server)] };
}

const MODERN_SINCE = '2026-07-28';

function refused({ headers, method }: ExplainedRequest, server: ServerTopology): Explanation | undefined {
  const no = (why: string): Explanation => simple(routeName(server.name, 'refused'), server, [why]);
  const { origin, host } = headers;
  // Without a Host the question is about a request as this machine's clients send it.
  if (origin !== undefined && !isOriginAllowed(server.allowedOrigins, origin, host ?? 'localhost'))
    return no(
      `Origin ${origin} is not one of the server’s allowed ones (${server.allowedOrigins.join(', ') || 'none listed: pages of this machine at a loopback Host'}): Envoy answers 403 itself.`,
    );
  if (host !== undefined && !isHostAllowed(server.allowedHosts, host))
    return no(
      `Host ${host} is not one of the server’s allowed ones (${server.allowedHosts.join(', ')}): Envoy answers 403 itself.`,
    );
  if (!['GET', 'POST', 'DELETE', 'OPTIONS'].includes(method))
    return no(`MCP has no method ${method}: Envoy answers 405 itself.`);
  return undefined;
}

/** An explanation that names the replica, where one is known. */
const explained = (
  server: ServerTopology,
  kind: RouteKind,
  why: string[],
  endpoint?: ReplicaEndpoint,
): Explanation => ({
  route: routeName(server.name, kind),
  server: server.name,
  slot: endpoint?.slot ?? null,
  replica: endpoint?.replica ?? null,
  address: endpoint?.address ?? null,
  why,
});

function byHeaders(request: ExplainedRequest, server: ServerTopology, session: KnownSession): Explanation {
  const { headers, method } = request;
  if (method === 'OPTIONS')
    return explained(server, 'upgrade', ['A browser’s preflight: the CORS policy answers it, else any replica.']);
  if (headers['upgrade']?.toLowerCase() === 'websocket')
    return explained(server, 'upgrade', ['It asks for a WebSocket: Envoy passes it to any replica.']);
  const id = headers['mcp-session-id'];
  return id === undefined ? withoutSession(request, server) : withSession(request, id, server, session);
}

function withoutSession({ headers, method, path }: ExplainedRequest, server: ServerTopology): Explanation {
  const { 'mcp-method': name, 'mcp-protocol-version': version } = headers;
  if (name !== undefined && version !== undefined && version >= MODERN_SINCE) return modern(name, version, server);
  if (method === 'GET')
    return explained(server, 'sse', [
      'A GET without a session id begins an HTTP+SSE connection of 2024-11-05, which only the relay speaks.',
    ]);
  if (new URLSearchParams(path.split('?')[1]).has(QUERY.sseSession))
    return explained(server, 'sse', [
      'The session is in the query: a message of an HTTP+SSE connection (2024-11-05), which the relay holds.',
    ]);
  if (server.policy.authorization)
    return explained(server, 'relay', [
      'The server has rules, so the relay reads every request, and places what begins a session.',
    ]);
  return explained(server, 'decide', [
    `Without a session id it may begin a session: Envoy asks the sidecar, which places it on ${placement(server)}.`,
    ...(server.policy.guard.includes('calls')
      ? ['Anything but an initialize belongs to no session: the relay holds it, and any replica may answer.']
      : []),
  ]);
}

const modern = (name: string, version: string, server: ServerTopology): Explanation =>
  freeMethods(server).includes(name)
    ? explained(server, 'modern', [
        `Revision ${version} has no sessions, and any replica answers ${name} alike: Envoy alone picks the least busy healthy one.`,
      ])
    : explained(server, 'relay', [
        `Revision ${version} has no sessions, but ${name} may belong to one replica (task, requestState, handle, subscription), or be answered from a cache: the relay reads it and finds out.`,
      ]);

/** Whether the relay holds the client's side of requests of this method. */
function isGuarded(method: string, { jwt, policy: { guard, authorization } }: ServerTopology): boolean {
  const guarded = [
    'DELETE',
    ...(guard.includes('calls') ? ['POST'] : []),
    ...(guard.includes('streams') || jwt || authorization ? ['GET'] : []),
  ];
  // With everything guarded the method is not looked at.
  return guarded.length === 3 || guarded.includes(method);
}

/** Whether Envoy's routes send such a request of the slot to its replica, without a decision. */
function isSteadyFor(
  { headers, method }: ExplainedRequest,
  server: ServerTopology,
  endpoint: ReplicaEndpoint,
): boolean {
  if (!endpoint.isSteady) return false;
  if (isGuarded(method, server)) return true;
  // A session that is shown a token may be bound to its principal.
  if (server.policy.bind !== 'off' && headers['authorization'] !== undefined) return false;
  // With a tool's breaker open, calls that no relay holds are decided on one by one.
  return method === 'GET' || (method === 'POST' && !server.hasOpenToolBreaker);
}

function withSession(
  request: ExplainedRequest,
  id: string,
  server: ServerTopology,
  session: KnownSession,
): Explanation {
  const guarded = isGuarded(request.method, server);
  // Where Envoy verifies tokens every session is somebody's, so slots have no routes.
  const endpoint =
    server.jwt || server.policy.authorization
      ? undefined
      : server.endpoints.find((each) => id.startsWith(`${each.slot}~`));
  // With nothing guarded but DELETE, slots have no guarded route of their own.
  const held: RouteKind = server.policy.guard.length === 0 ? 'relay' : 'guarded';
  if (endpoint && isSteadyFor(request, server, endpoint))
    return steady(request.method, server, endpoint, session, held);
  const kind = endpoint && guarded && !endpoint.isSteady ? held : guarded ? 'relay' : 'decide';
  const who = kind === 'decide' ? 'The sidecar' : 'The relay';
  return { ...explained(server, kind, []), ...home(who, id, server, endpoint, session, kind) };
}

function steady(
  method: string,
  server: ServerTopology,
  endpoint: ReplicaEndpoint,
  session: KnownSession,
  held: RouteKind,
): Explanation {
  const { slot, replica, address, state } = endpoint;
  const kind = isGuarded(method, server) ? held : 'steady';
  const hasMoved = typeof session === 'object' && session.slot !== slot;
  return explained(
    server,
    kind,
    [
      `Its id begins with slot ${slot}, which is steady: replica ${replica} (${address}) is ${state}, no decision is needed.`,
      steadyWay(method, kind),
      ...(hasMoved
        ? [`Its record says that it moved to slot ${session.slot} meanwhile; the relay finds that out and follows.`]
        : []),
    ],
    endpoint,
  );
}

function steadyWay(method: string, kind: RouteKind): string {
  if (kind === 'relay')
    return 'A DELETE always passes the gateway’s relay, so that nobody rebuilds the session afterwards.';
  if (kind === 'guarded')
    return `${method} is guarded: the gateway’s relay holds the client’s side and goes straight to the replica, so that nothing hangs should the replica die.`;
  return `${method} is not guarded: Envoy goes straight to the replica, and to the relay should it not be there.`;
}

function whyNotSteady(id: string, server: ServerTopology, endpoint: ReplicaEndpoint | undefined): string {
  const parsed = parseSessionId(id);
  if (!parsed) return 'The session id is none that this mesh gives out (`<slot>~<id>`).';
  if (endpoint?.isSteady && server.hasOpenToolBreaker)
    return `Its id begins with slot ${endpoint.slot}, which is steady, but a tool’s breaker is not closed: each call is decided on.`;
  if (endpoint?.isSteady)
    return `Its id begins with slot ${endpoint.slot}, which is steady, but the request shows a token, so its session may be bound to whoever began it: who asks is checked each time.`;
  if (parsed.isBound)
    return `The session is bound to whoever began it (slot ${parsed.slot} in its bound form), so who asks is checked each time.`;
  if (server.lostSlots.includes(parsed.slot))
    return `Its id begins with slot ${parsed.slot}, an incarnation of a replica that is over.`;
  if (!endpoint) return `Its id begins with slot ${parsed.slot}, which no replica of ${server.name} has.`;
  if (endpoint.state === 'active' || endpoint.state === 'standby')
    return `Its id begins with slot ${endpoint.slot}; replica ${endpoint.replica} is ${endpoint.state}, but a breaker is not closed.`;
  return `Its id begins with slot ${endpoint.slot}, which is not steady: replica ${endpoint.replica} is ${endpoint.state}.`;
}

/** Where a session that needs a decision goes, as far as its record tells. */
function home(
  who: string,
  id: string,
  server: ServerTopology,
  own: ReplicaEndpoint | undefined,
  session: KnownSession,
  kind: RouteKind,
): Explanation {
  const parsed = parseSessionId(id);
  const bound = own ?? (parsed ? server.endpoints.find(({ slot }) => slot === parsed.slot) : undefined);
  const slot = typeof session === 'object' ? session.slot : (bound?.slot ?? parsed?.slot ?? null);
  const endpoint = server.endpoints.find((each) => each.slot === slot);
  const why = [whyNotSteady(id, server, own)];
  if (typeof session === 'object' && session.isEnded)
    why.push(`${who} finds that it was ended by DELETE: 404, as for an unknown session.`);
  else if (typeof session === 'object') {
    why.push(
      `${who} looks its record up: it lives on slot ${session.slot}${session.epoch > 0 ? ` after ${session.epoch} move(s)` : ''}.`,
    );
    why.push(fate(endpoint, server));
  } else if (session === 'none')
    why.push(
      endpoint && isUsable(endpoint)
        ? `${who} finds no record; replica ${endpoint.replica} may know it and is asked.`
        : `${who} finds no record, and its replica is not there: 404, as for an unknown session.`,
    );
  else
    why.push(
      `${who} looks its record up; nobody could be asked for it here.`,
      ...(endpoint ? [fate(endpoint, server)] : []),
    );
  const isThere = endpoint !== undefined && isUsable(endpoint);
  return {
    route: routeName(server.name, kind),
    server: server.name,
    slot,
    replica: isThere ? endpoint.replica : null,
    address: isThere ? endpoint.address : null,
    why,
  };
}

const isUsable = ({ state }: ReplicaEndpoint): boolean => state !== 'unhealthy' && state !== 'lost';

function fate(endpoint: ReplicaEndpoint | undefined, server: ServerTopology): string {
  if (endpoint?.state === 'draining')
    return `Replica ${endpoint.replica} is draining: the session is rebuilt on ${placement(server)}.`;
  if (endpoint && isUsable(endpoint))
    return `Replica ${endpoint.replica} (${endpoint.address}) is ${endpoint.state} and gets the request.`;
  const { onReplicaLoss } = server.policy;
  const gone = endpoint ? `Replica ${endpoint.replica} is ${endpoint.state}` : 'That incarnation is over';
  if (onReplicaLoss === 'recover') return `${gone}: the session is rebuilt on ${placement(server)}.`;
  return onReplicaLoss === 'fail'
    ? `${gone}, and the server is configured to fail: 503.`
    : `${gone}, and the server is configured to say so: 404, and the client begins anew.`;
}

const simple = (route: string, server: ServerTopology | null, why: string[]): Explanation => ({
  route,
  server: server?.name ?? null,
  slot: null,
  replica: null,
  address: null,
  why,
});
