import { RPC_ERROR, rpcErrors, type DeliveryOutcome, type RpcError, type RpcId } from '../../../proto/rpc-error.ts';
import { NOT_CARRIED } from '../../../proto/session-id.ts';
import { messagesOf, type RpcBody, type RpcMessage } from '../../../proto/json-rpc.ts';
import { rawJson } from '../../../proto/raw-json.ts';
import type { OutcomeKind } from '../../../proto/outcome.ts';
import type { ServerPolicy } from '../../../proto/server-policy.ts';
import type { RefusalReason } from '../../recovery/refusal-reason.ts';

/** Errors that the mesh itself answers on the relay's way: code, HTTP status when nothing was sent yet, and what it says. */
export const MESH_ERROR = {
  replicaLost: {
    code: RPC_ERROR.replicaLost,
    status: 503,
    description: 'The replica was lost while it worked on this request; nobody knows whether it was carried out',
  },
  gatewayLost: {
    code: RPC_ERROR.replicaLost,
    status: 503,
    description: 'The gateway that held this request was lost; nobody knows whether it was carried out',
  },
  noReplica: {
    code: RPC_ERROR.noReplica,
    status: 503,
    description: 'No replica of this server can take the request now; try again (open sessions are kept)',
  },
  recoveryFailed: {
    code: RPC_ERROR.recoveryFailed,
    status: 503,
    description:
      'The session could not be rebuilt in time; it is kept, try again (limit: servers[].timeouts: initializeMs, recoveryMs)',
  },
  recoveryRefused: {
    code: RPC_ERROR.recoveryFailed,
    status: 503,
    description:
      'No replica took the session over: each refused its initialize, or failed at it; the session is kept, try again (the replicas’ logs say why)',
  },
  sessionUnsure: {
    code: RPC_ERROR.recoveryFailed,
    status: 503,
    description:
      'Nobody can say just now where this session lives, because the session store does not answer; the session is kept, try again',
  },
  deadline: {
    code: RPC_ERROR.deadline,
    status: 503,
    description:
      'The server gave neither an answer nor progress within its deadline (limit: servers[].timeouts: initializeMs, callMs, toolMs)',
  },
  overload: {
    code: RPC_ERROR.overload,
    status: 503,
    description: 'Too many requests are being sent again; try again later (limit: servers[].retryBudget)',
  },
  breakerOpen: {
    code: RPC_ERROR.breakerOpen,
    status: 503,
    description: 'The breaker is open: too many calls failed lately; try again later',
  },
  internal: {
    code: RPC_ERROR.internal,
    status: 500,
    description: 'The gateway failed on this request; its log tells more under the trace id',
  },
  badAnswer: {
    code: RPC_ERROR.badAnswer,
    status: 502,
    description:
      'The replica’s answer is no JSON-RPC message, but for example an error page; nobody knows whether the request was carried out (see what answers at the replica’s address under servers[].path)',
  },
  badSessionId: { code: RPC_ERROR.badAnswer, status: 502, description: NOT_CARRIED },
  sessionNotFound: { code: RPC_ERROR.sessionNotFound, status: 404, description: 'Session not found' },
} as const;
export type MeshError = keyof typeof MESH_ERROR;

/** Becomes the error's `data`. What is left out is not known. */
export interface ErrorFacts {
  server?: string;
  /** Slot. */
  replica?: string | null;
  attempts: number;
  outcome: DeliveryOutcome;
  retrySafe: boolean;
  sessionRecovered?: boolean;
  [extra: string]: unknown;
}

/** The ids of a body's requests as the client wrote them: a number beyond 2^53 must come back with every digit. */
export const requestIds = (body: RpcBody | null): RpcId[] =>
  body === null
    ? []
    : messagesOf(body)
        .filter(({ kind }) => kind === 'request')
        .map(verbatimId);

/** The id of one request, as the client wrote it. */
export const verbatimId = ({ id, idText }: RpcMessage): RpcId =>
  typeof id === 'number' && idText !== null ? rawJson(idText) : id;

/** One error per request id; a body without requests (notifications, responses) gets one with id null. */
export function meshErrors(kind: MeshError, ids: readonly RpcId[], facts: ErrorFacts): RpcError[] {
  const { code, description } = MESH_ERROR[kind];
  return rpcErrors(ids, code, description, kind === 'sessionNotFound' ? undefined : facts);
}

/** What the client hears when a session could not be brought back. */
export function errorOfRefusal(reason: RefusalReason, onReplicaLoss: ServerPolicy['onReplicaLoss']): MeshError {
  switch (reason) {
    case 'policy':
      return onReplicaLoss === 'fail' ? 'noReplica' : 'sessionNotFound';
    case 'unknown':
    case 'foreign':
    case 'capability':
      return 'sessionNotFound';
    case 'no-replica':
      return 'noReplica';
    case 'queue-full':
      return 'overload';
    case 'failed':
    case 'unauthorized':
      return 'recoveryRefused';
    case 'unsure':
      return 'sessionUnsure';
    default:
      return 'recoveryFailed';
  }
}

const REPLICA_FAULTS: ReadonlySet<MeshError> = new Set(['replicaLost', 'gatewayLost', 'deadline', 'badAnswer']);

/** What such a request counts as. */
export function outcomeOfError(kind: MeshError): OutcomeKind {
  if (kind === 'sessionNotFound') return 'lost_session';
  // No replica and no tool is to blame, and it was no success.
  if (kind === 'internal') return 'overload';
  if (kind === 'badSessionId') return 'server_error';
  return REPLICA_FAULTS.has(kind) ? 'replica_fault' : 'overload';
}
