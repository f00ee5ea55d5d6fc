import { MODERN_REVISION } from '../../proto/era.ts';
import { callTimeoutMs } from '../../proto/server-policy.ts';
import { HEADER, QUERY } from '../../proto/wire.ts';
import type { ServerTopology } from '../topology/topology.ts';
import { absent, anyOf, isMethod, like, likeInAnyCase, not, POSITIVE, present, type Condition } from './condition.ts';
import { freeMethods, methodsRegex } from './free-methods.ts';
import { heldByRelay, heldMethods, type HeldByRelay } from './held-by-relay.ts';
import { refusalRows } from './refusal-rows.ts';
import type { RouteRow } from './row.ts';

/** A length with so many digits is large: 10,000 bytes or more. As many of them as connections fit into half of Envoy's heap limit. */
const LARGE_DIGITS = 5;

/**
 * A large body, or one of a length that nobody said. Envoy keeps a body that it reads until it is complete, without a budget per client; the relay
 * has one (sidecar/budget). Where a server takes small bodies only, what has as many digits as its limit is large, so that the relay refuses it.
 */
const isLarge = (maxBodyBytes: number): Condition =>
  anyOf(
    like('content-length', `|[0-9]{${Math.min(LARGE_DIGITS, String(maxBodyBytes).length)},}`),
    absent('content-length'),
  );

const hasSession = present(HEADER.sessionId);
const hasNoSession = absent(HEADER.sessionId);
/** Cheap and sufficient: the header that names the method comes with the revision. */
const isModern = [hasNoSession, present(HEADER.method), like(HEADER.protocolVersion, MODERN_REVISION)];

/** The session of an HTTP+SSE connection, anywhere in the query. */
const hasSseSession = like(':path', `[^?]*\\?(.*&)?${QUERY.sseSession}([=&].*)?`);

/** An edge has sent it to another gateway, which is gone. */
export const isResent = like(HEADER.edgeSent, POSITIVE);

/** With a slash at its end the path is served as well, by the rows that know no slots. */
const hasNoSlash = not(like(':path', '[^?]*/(\\?.*)?'));

/** Everything that decides which way a request of a server's MCP endpoint at `path` goes. The first row whose conditions all hold takes it. */
export function routeTable(server: ServerTopology, path: string): RouteRow[] {
  const { policy } = server,
    held = heldByRelay(server);
  return [
    ...refusalRows(server),
    // A browser sends no token with it. Where the server has no CORS policy here, its replicas may have one.
    {
      to: 'preflight',
      kind: 'upgrade',
      when: [isMethod('OPTIONS')],
      why: 'A browser’s preflight: the CORS policy answers it, else any replica.',
    },
    {
      to: 'relay-resent',
      kind: 'relay',
      when: [isMethod('POST'), isResent],
      why: 'Another gateway had it, and is gone: the relay knows whether it may be repeated.',
    },
    ...unread(held, {
      to: 'web-socket',
      kind: 'upgrade',
      when: [likeInAnyCase('upgrade', 'websocket')],
      why: 'It asks for a WebSocket: Envoy passes it to any replica.',
    }),
    {
      to: 'relay-large',
      kind: 'relay',
      when: [isMethod('POST'), ...(held.calls ? [hasNoSession] : []), isLarge(policy.maxBodyBytes)],
      why: 'Its body is large, or nobody said how large: the relay reads it, which has a budget for bodies.',
    },
    ...unread(held, {
      to: 'any-replica',
      kind: 'modern',
      when: [...isModern, like(HEADER.method, methodsRegex(freeMethods(server)))],
      why: 'Its revision has no sessions, and any replica answers its method alike: Envoy alone picks the least busy healthy one.',
    }),
    {
      to: 'relay-modern',
      kind: 'relay',
      when: isModern,
      why: 'Its revision has no sessions, but it may belong to one replica (task, requestState, handle, subscription), or be answered from a cache: the relay reads it and finds out.',
    },
    ...sessionRows(server, held, path.endsWith('/') ? [] : [hasNoSlash]),
    {
      to: 'relay-sse',
      kind: 'sse',
      when: [isMethod('GET')],
      why: 'A GET without a session id begins an HTTP+SSE connection of 2024-11-05, which only the relay speaks.',
    },
    {
      to: 'relay-sse',
      kind: 'sse',
      when: [hasSseSession],
      why: 'The session is in the query: a message of an HTTP+SSE connection (2024-11-05), which the relay holds.',
    },
    held.everything
      ? {
          to: 'relay-new',
          kind: 'relay',
          when: [],
          why: 'The server has rules or limits of the fleet, so the relay reads every request, and places what begins a session.',
        }
      : {
          to: 'decide',
          kind: 'decide',
          when: [],
          why: 'Without a session id it may begin a session: Envoy asks the sidecar.',
        },
  ];
}

/** Where rules decide, nothing reaches a replica but from a relay. */
const unread = ({ everything }: HeldByRelay, row: RouteRow): RouteRow[] => (everything ? [] : [row]);

/** Requests that name a session: of known slots first, then of all others. */
function sessionRows(server: ServerTopology, held: HeldByRelay, onSlots: readonly Condition[]): RouteRow[] {
  const methods = heldMethods(held),
    isAllHeld = held.calls && held.streams,
    isNoneHeld = !held.calls && !held.streams,
    quietMs = callTimeoutMs(server.policy);
  const toRelay: RouteRow = {
    to: 'relay-session',
    kind: 'relay',
    when: isAllHeld ? [hasSession] : [isMethod(...methods), hasSession],
    why: isNoneHeld
      ? 'A DELETE always passes the gateway’s relay, so that nobody rebuilds the session afterwards.'
      : 'The gateway’s relay holds it, and finds out where its session is.',
  };
  const ask: RouteRow = {
    to: 'ask',
    kind: 'decide',
    when: [hasSession],
    why: 'No relay holds it, and its session has to be looked up: Envoy asks the sidecar.',
  };
  const slots = slotRows(server, held, methods).map((row) => ({ ...row, when: [...row.when, ...onSlots] }));
  return [
    // What no slot's own row takes up; with nothing guarded but DELETE, before them.
    ...(isNoneHeld ? [toRelay, ...slots] : [...slots, toRelay]),
    ...(held.streams ? [] : [{ ...ask, when: [isMethod('GET'), hasSession] }]),
    ...(isAllHeld ? [] : [{ ...ask, quietMs }]),
  ];
}

/** Whether any row is about the slots of replicas. Where Envoy verifies tokens all sessions are somebody's, so no slot is enough. */
export const hasSlotRows = (server: ServerTopology): boolean =>
  !server.jwt && !heldByRelay(server).everything && server.endpoints.length > 0;

/** Sessions that begin with a slot that a replica has. */
function slotRows(server: ServerTopology, held: HeldByRelay, methods: readonly string[]): RouteRow[] {
  const { policy, endpoints, hasOpenToolBreaker } = server;
  if (!hasSlotRows(server)) return [];
  const isAllHeld = held.calls && held.streams,
    isNoneHeld = !held.calls && !held.streams,
    quietMs = callTimeoutMs(policy);
  const guarded: RouteRow = {
    to: 'guarded-slot',
    kind: 'guarded',
    when: isAllHeld ? [] : [isMethod(...methods)],
    slots: endpoints,
    why: 'It is guarded: the gateway’s relay holds the client’s side, so that nothing hangs should the replica die.',
  };
  // The relay decides anyway, so its rows stay as they are when a replica's health or a breaker changes: nothing to push.
  if (isAllHeld) return [guarded];
  const steadySlots = endpoints.filter(({ isSteady }) => isSteady);
  const steady = (...when: readonly Condition[]): RouteRow => ({
    to: 'steady-slot',
    kind: 'steady',
    // A session of a principal is looked up, whatever its id says. Where Envoy verifies tokens all are; elsewhere those that show a token may be.
    when: [...when, ...(policy.bind === 'off' ? [] : [absent('authorization')])],
    slots: steadySlots,
    why: 'It is not guarded: Envoy goes straight to the replica, and to the relay should it not be there.',
  });
  const rows = isNoneHeld ? [] : [guarded];
  if (steadySlots.length === 0) return rows;
  // Without a guard every change of health sends all routes again: one per slot where one will do.
  if (isNoneHeld && !hasOpenToolBreaker && quietMs === 0) return [...rows, steady()];
  return [
    ...rows,
    ...(held.streams ? [] : [steady(isMethod('GET'))]),
    // With a tool's breaker open, calls that no relay holds must be decided on one by one.
    ...(held.calls || hasOpenToolBreaker ? [] : [{ ...steady(isMethod('POST')), quietMs }]),
  ];
}

/** Whether its relay holds more of known slots than their end (DELETE). */
export const hasGuardedSlots = (server: ServerTopology): boolean => {
  const { calls, streams } = heldByRelay(server);
  return hasSlotRows(server) && (calls || streams);
};

/** Whether sessions of this server may go straight to their replica. */
export const hasSteadyRows = (server: ServerTopology): boolean => {
  const { calls, streams } = heldByRelay(server);
  return !(calls && streams);
};
