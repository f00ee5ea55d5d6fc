import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import { isModernRevision } from '../../proto/era.ts';
import { RPC_ERROR, rpcError, sessionNotFound, type RpcError, type RpcId } from '../../proto/rpc-error.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import { parseSessionId, type SessionId } from '../../proto/session-id.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import { refusalOfUnverified, type Identities } from '../principal/identities.ts';

/** What a decision is made from: headers as they came, and what Envoy read of the body. */
export interface RequestView {
  httpMethod: string;
  /** Every session id that the client sent: one, unless it is up to something. */
  clientIds: readonly string[];
  authorization: string | null;
  /** Claims of the token that Envoy verified, where the server asks for that. */
  claims: string | null;
  protocolVersion: string | null;
  /** Method and id of the JSON-RPC message; null when Envoy could not read them. */
  method: string | null;
  rpcId: RpcId;
}

/** The part of a server's topology that decisions need. */
export interface DecisionView {
  name: string;
  policy: Pick<ServerPolicy, 'bind' | 'jwt'>;
  bySlot(slot: string): ReplicaEndpoint | undefined;
}

export type Decision =
  | { kind: 'answer'; status: number; error: RpcError; retryAfterSeconds?: number }
  /** A session: its record says more. */
  | { kind: 'look-up'; clientId: string; session: SessionId }
  /** Perhaps the beginning of a session: the body tells. Place it, and keep what the client said. */
  | { kind: 'begin' }
  /** A call without a session of a server whose calls are guarded: the relay holds it. */
  | { kind: 'hold' }
  /** Any replica will do. */
  | { kind: 'pass' }
  /** `hosts` in order of attempts; the replica is to see `upstreamId`. */
  | { kind: 'pin'; hosts: readonly string[]; upstreamId: string; slot: string | null };

/** How a session's record was found: SessionDirectory's `Found`, with what the record must hold. */
export type FoundRecord =
  | { kind: 'live'; record: Pick<SessionRecord, 'principal' | 'slot' | 'upstreamId'> }
  | { kind: 'ended' | 'unknown' | 'unsure' };

/** What to do with a request, as far as its headers tell. */
export function decide(request: RequestView, policy: Pick<ServerPolicy, 'guard' | 'jwt'>): Decision {
  const { clientIds, rpcId } = request;
  // A preflight carries no token, and says nothing that a replica acts on.
  const unverified = request.httpMethod === 'OPTIONS' ? null : refusalOfUnverified(request, policy);
  if (unverified)
    return {
      kind: 'answer',
      status: unverified.status,
      error: rpcError(rpcId, RPC_ERROR.forbidden, unverified.message),
    };
  if (clientIds.length > 0) return decideOnId(clientIds, rpcId, policy);
  if (request.httpMethod !== 'POST') return { kind: 'pass' };
  // Envoy alone could only cut the client's stream if the replica dies.
  if (request.method !== 'initialize' && policy.guard.includes('calls')) return { kind: 'hold' };
  // Modern requests are recognised by header here: whatever they claim, no session begins with them unless they are an initialize.
  if (request.method !== null && request.method !== 'initialize') return { kind: 'pass' };
  if (request.method === null && isModernRevision(request.protocolVersion)) return { kind: 'pass' };
  return { kind: 'begin' };
}

function decideOnId(clientIds: readonly string[], rpcId: RpcId, { jwt }: Pick<ServerPolicy, 'jwt'>): Decision {
  // Several ids name no one session; one that is too long or not visible ASCII is none of ours. The relay answers the same.
  const clientId = (clientIds.length === 1 && clientIds[0]) || '';
  const session = parseSessionId(clientId);
  // Where Envoy verifies tokens every session has a principal.
  return session && (session.isBound || !jwt) ? { kind: 'look-up', clientId, session } : notFound(rpcId);
}

/** Where a session's request goes. `relay` is this node's own relay, which brings back what is lost. */
export function decideSession(
  request: RequestView,
  session: SessionId,
  found: FoundRecord,
  view: DecisionView,
  relay: string,
  identities: Pick<Identities, 'owns'>,
): Decision {
  if (found.kind === 'ended') return notFound(request.rpcId);
  if (found.kind === 'live') {
    const { record } = found;
    if (!identities.owns(record, request, view.policy)) return notFound(request.rpcId);
    return pin(view.bySlot(record.slot), record.upstreamId, relay);
  }
  if (session.isBound) {
    // Without the record nobody can tell whose it is.
    if (found.kind === 'unknown') return notFound(request.rpcId);
    return {
      kind: 'answer',
      status: 503,
      retryAfterSeconds: 1,
      error: rpcError(request.rpcId, RPC_ERROR.noReplica, 'The session store can not be reached', {
        outcome: 'not_sent',
        retrySafe: true,
        server: view.name,
        replica: null,
        attempts: 0,
        sessionRecovered: false,
      }),
    };
  }
  // The store lost it or never had it, but its replica may be there still; a stranger's guess gets the replica's own 404.
  const endpoint = view.bySlot(session.slot);
  if (!endpoint || endpoint.state === 'lost')
    return found.kind === 'unsure'
      ? { kind: 'pin', hosts: [relay], upstreamId: session.upstreamId, slot: null }
      : notFound(request.rpcId);
  return pin(endpoint, session.upstreamId, relay);
}

function pin(endpoint: ReplicaEndpoint | undefined, upstreamId: string, relay: string): Decision {
  if (!endpoint || endpoint.state === 'lost' || endpoint.state === 'unhealthy')
    return { kind: 'pin', hosts: [relay], upstreamId, slot: null };
  return { kind: 'pin', hosts: [endpoint.address, relay], upstreamId, slot: endpoint.slot };
}

const notFound = (rpcId: RpcId): Decision => ({ kind: 'answer', status: 404, error: sessionNotFound(rpcId) });
