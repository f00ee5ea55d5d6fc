import { HEADER, routeName } from '../../proto/wire.ts';
import { parseSessionId } from '../../proto/session-id.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { ServerTopology, TopologySnapshot } from '../topology/topology.ts';
import type { Act } from '../../proto/authorization/rule-book.ts';
import type { Claims } from '../../proto/authorization/claim-values.ts';
import type { RequestHead } from '../route-table/condition.ts';
import { heldByRelay } from '../route-table/held-by-relay.ts';
import { routeTable } from '../route-table/route-table.ts';
import { findRow, ofSlot, type FoundRow, type RouteRow } from '../route-table/row.ts';
import { sideTable } from '../route-table/side-table.ts';
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

/**
 * Which way a request goes through a gateway, and why. The row is found in the tables that Envoy's routes are made from (control-plane/route-table); a
 * test compares both for each kind of request.
 */
export function explain(request: ExplainedRequest, topology: TopologySnapshot, session: KnownSession): Explanation {
  if (request.path.includes('#'))
    return simple('no-route', null, [
      'There is a # in the path, which only a browser may read: Envoy answers 400 itself.',
    ]);
  if (ESCAPED_SLASH.test(request.path.split('?')[0] ?? ''))
    return simple('no-route', null, ['There is an escaped slash in the path: Envoy answers 400 itself.']);
  const path = normalPath(request.path);
  if (path === '/health')
    return simple('health', null, ['The path is the gateway’s own health check: its sidecar answers.']);
  const placed = placedAt(path, request.headers['host'], topology);
  if (!placed) {
    const known = topology.servers.map(({ name }) => `/mcp/${name}`).join(', ');
    return simple('no-route', null, [
      `No server is at ${path}: Envoy answers 404 itself. There are ${known || 'no servers'}.`,
    ]);
  }
  const { server, is, place } = placed;
  const head = headOf(request, server);
  if (is !== 'endpoint') {
    const { row } = findRow(sideTable(server, place, is), head);
    return simple(routeName(server.name, row.kind), server, [row.why]);
  }
  const found = findRow(routeTable(server, place.path), head);
  const told = tell(found, request, server, session);
  return { ...told, why: [...told.why, ...rulesSay(request, server)] };
}

const ESCAPED_SLASH = /%2f|%5c/i;

/** Without its query, and as Envoy normalizes it before it looks for a route (control-plane/resources/connection-manager.ts). */
export const normalPath = (path: string): string =>
  new URL(`http://x${path.replace(ESCAPED_PLAIN, decodeURIComponent)}`).pathname.replace(/\/{2,}/g, '/');

/** Letters, digits, `-`, `_` and `~`, escaped though they need not be. Dots the URL parser reads itself. */
const ESCAPED_PLAIN = /%(?:2d|3[0-9]|4[1-9a-f]|5[0-9a]|5f|6[1-9a-f]|7[0-9a]|7e)/gi;

/** A question need not say everything that a request has: then it is about one as this machine's clients send it, with a short body. */
function headOf({ headers, method, path }: ExplainedRequest, { allowedHosts }: ServerTopology): RequestHead {
  const { host = allowedHosts.find((each) => !each.includes('*')) ?? 'localhost', ...others } = headers;
  const isOfUnsaidLength = method === 'POST' && !('content-length' in others) && !('transfer-encoding' in others);
  return {
    ...(isOfUnsaidLength && { 'content-length': '100' }),
    ...others,
    ':method': method,
    // The query matters, and a path as Envoy has it by then.
    ':path': [normalPath(path), ...path.split('?').slice(1)].join('?'),
    ':authority': host,
  };
}

function tell(
  { row, endpoint }: FoundRow,
  request: ExplainedRequest,
  server: ServerTopology,
  session: KnownSession,
): Explanation {
  const id = request.headers[HEADER.sessionId],
    route = routeName(server.name, row.kind);
  switch (row.to) {
    case 'guarded-slot':
    case 'steady-slot':
      return endpoint?.isSteady
        ? steady(row, server, endpoint, session)
        : { ...home('The relay', request, server, endpoint, session), route };
    case 'relay-session':
    case 'ask': {
      const own = knownSlot(id, server);
      if (own?.isSteady && request.method === 'DELETE') return steady(row, server, own, session);
      const { why, ...told } = home(row.to === 'ask' ? 'The sidecar' : 'The relay', request, server, own, session);
      return { ...told, route, why: [...why.slice(0, 1), row.why, ...why.slice(1)] };
    }
    case 'decide':
      return simple(route, server, [
        `${row.why} It places the session on ${placement(server)}.`,
        ...(server.policy.guard.includes('calls')
          ? ['Anything but an initialize belongs to no session: the relay holds it, and any replica may answer.']
          : []),
      ]);
    default:
      return simple(route, server, [row.why]);
  }
}

/** The replica that has the slot of the id, where the slot alone says something. */
const knownSlot = (id: string | undefined, server: ServerTopology): ReplicaEndpoint | undefined =>
  server.jwt || heldByRelay(server).everything ? undefined : ofSlot(id, server.endpoints);

function steady(row: RouteRow, server: ServerTopology, endpoint: ReplicaEndpoint, session: KnownSession): Explanation {
  const { slot, replica, address, state } = endpoint;
  const hasMoved = typeof session === 'object' && session.slot !== slot;
  return {
    ...{ route: routeName(server.name, row.kind), server: server.name, slot, replica, address },
    why: [
      `Its id begins with slot ${slot}, which is steady: replica ${replica} (${address}) is ${state}, no decision is needed.`,
      row.why,
      ...(hasMoved
        ? [`Its record says that it moved to slot ${session.slot} meanwhile; the relay finds that out and follows.`]
        : []),
    ],
  };
}

function whyNotSteady(
  id: string,
  { headers, path }: ExplainedRequest,
  server: ServerTopology,
  endpoint: ReplicaEndpoint | undefined,
): string {
  const parsed = parseSessionId(id);
  if (!parsed) return 'The session id is none that this mesh gives out (`<slot>~<id>`).';
  const { hasOpenToolBreaker, lostSlots, name, policy } = server,
    itsSlot = `Its id begins with slot ${parsed.slot}`;
  if (endpoint?.isSteady) {
    if (policy.bind !== 'off' && headers['authorization'] !== undefined)
      return `${itsSlot}, which is steady, but the request shows a token, so its session may be bound to whoever began it: who asks is checked each time.`;
    return hasOpenToolBreaker
      ? `${itsSlot}, which is steady, but a tool’s breaker is not closed: each call is decided on.`
      : `${itsSlot}, which is steady, but Envoy looks at no slot at ${path.split('?')[0]}.`;
  }
  if (parsed.isBound)
    return `The session is bound to whoever began it (slot ${parsed.slot} in its bound form), so who asks is checked each time.`;
  if (lostSlots.includes(parsed.slot)) return `${itsSlot}, an incarnation of a replica that is over.`;
  if (!endpoint) return `${itsSlot}, which no replica of ${name} has.`;
  if (endpoint.state === 'active' || endpoint.state === 'standby')
    return `${itsSlot}; replica ${endpoint.replica} is ${endpoint.state}, but a breaker is not closed.`;
  return `${itsSlot}, which is not steady: replica ${endpoint.replica} is ${endpoint.state}.`;
}

/** Where a session that needs a decision goes, as far as its record tells. */
function home(
  who: string,
  request: ExplainedRequest,
  server: ServerTopology,
  own: ReplicaEndpoint | undefined,
  session: KnownSession,
): Omit<Explanation, 'route'> {
  const id = request.headers[HEADER.sessionId] ?? '';
  const parsed = parseSessionId(id);
  const bound = own ?? (parsed ? server.endpoints.find(({ slot }) => slot === parsed.slot) : undefined);
  const slot = typeof session === 'object' ? session.slot : (bound?.slot ?? parsed?.slot ?? null);
  const endpoint = server.endpoints.find((each) => each.slot === slot);
  const why = [whyNotSteady(id, request, server, own)];
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
