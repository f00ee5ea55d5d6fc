import {
  RPC_ERROR,
  rpcError,
  sessionNotFound,
  type DeliveryOutcome,
  type RpcError,
  type RpcId,
} from '../../proto/rpc-error.ts';
import type { OutcomeKind } from '../../proto/outcome.ts';
import type { RefusalReason } from '../recovery/recovery.ts';

/** Errors that the mesh itself answers on the relay's way: code, HTTP status when nothing was sent yet, and what it says. */
export const MESH_ERROR = {
  replicaLost: {
    code: RPC_ERROR.replicaLost,
    status: 503,
    says: 'The replica was lost while it worked on this request; nobody knows whether it was carried out',
  },
  noReplica: {
    code: RPC_ERROR.noReplica,
    status: 503,
    says: 'No replica of this server can take the request now; the session is kept, try again',
  },
  recoveryFailed: {
    code: RPC_ERROR.recoveryFailed,
    status: 503,
    says: 'The session could not be rebuilt in time; it is kept, try again',
  },
  deadline: {
    code: RPC_ERROR.deadline,
    status: 503,
    says: 'The server gave neither an answer nor progress within its deadline',
  },
  overload: { code: RPC_ERROR.overload, status: 503, says: 'Too many requests are being sent again; try again later' },
  breakerOpen: {
    code: RPC_ERROR.breakerOpen,
    status: 503,
    says: 'The breaker is open: too many calls failed lately; try again later',
  },
  sessionNotFound: { code: RPC_ERROR.sessionNotFound, status: 404, says: 'Session not found' },
} as const;
export type MeshError = keyof typeof MESH_ERROR;

export interface ErrorFacts {
  server: string;
  replica: string | null;
  attempts: number;
  outcome: DeliveryOutcome;
  retrySafe: boolean;
  sessionRecovered: boolean;
}

/** One error per request id; a body without requests (notifications, responses) gets one with id null. */
export function meshErrors(kind: MeshError, ids: readonly RpcId[], facts: ErrorFacts): RpcError[] {
  const { code, says } = MESH_ERROR[kind],
    each = ids.length === 0 ? [null] : ids;
  return each.map((id) =>
    kind === 'sessionNotFound'
      ? sessionNotFound(id)
      : rpcError(id, code, says, facts as ErrorFacts & Record<string, unknown>),
  );
}

/** What the client hears when a session could not be brought back. */
export function errorOfRefusal(reason: RefusalReason): MeshError {
  switch (reason) {
    case 'unknown':
    case 'capability':
      return 'sessionNotFound';
    case 'no-replica':
      return 'noReplica';
    case 'queue-full':
      return 'overload';
    default:
      return 'recoveryFailed';
  }
}

/** What such a request counts as. */
export function outcomeOfError(kind: MeshError): OutcomeKind {
  if (kind === 'sessionNotFound') return 'lost_session';
  return kind === 'replicaLost' || kind === 'deadline' ? 'replica_fault' : 'overload';
}
