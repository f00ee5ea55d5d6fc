import type { RawJson } from './raw-json.ts';

/** Codes of JSON-RPC itself, for bodies that are none of its messages. */
export const JSON_RPC_ERROR = { parse: -32700, invalidRequest: -32600 } as const;

/**
 * JSON-RPC errors that the mesh itself answers. Codes stay outside -32768..-32000, which JSON-RPC reserves.
 * `outcome` says whether the request reached a replica, `retrySafe` whether the client may send it again.
 */
export const RPC_ERROR = {
  /** The replica was lost while the call was in flight. */
  replicaLost: -31001,
  /** No replica can take the request now. */
  noReplica: -31002,
  /** A breaker is open. */
  breakerOpen: -31003,
  /** The server's deadline passed without progress. */
  deadline: -31004,
  /** Recovery did not come to an end in time, or was refused. */
  recoveryFailed: -31005,
  /** Too many requests, or a queue is full. */
  overload: -31006,
  /** The body is larger than the limit. */
  tooLarge: -31007,
  /** Forbidden by the mesh's policy (origin, host, token). */
  forbidden: -31008,
  /** No such path or server. */
  noRoute: -31009,
  /** The body is not what the protocol asks for. */
  badRequest: -31010,
  /** The mesh itself failed on this request; its log has more. */
  internal: -31011,
  /** What the replica answered is not what the protocol asks for. */
  badAnswer: -31012,
  /** What official TypeScript servers answer to an unknown session; the mesh answers the same. */
  sessionNotFound: -32001,
} as const;

export type DeliveryOutcome = 'not_sent' | 'sent_no_response' | 'partial_response';
/** `RawJson`: an id that goes back with the very digits that it came with. */
export type RpcId = string | number | RawJson | null;

export interface RpcErrorData {
  outcome: DeliveryOutcome;
  retrySafe: boolean;
  server?: string;
  /** Slot, never an address. */
  replica?: string | null;
  attempts: number;
  sessionRecovered?: boolean;
  [extra: string]: unknown;
}

export interface RpcError {
  jsonrpc: '2.0';
  id: RpcId;
  error: { code: number; message: string; data?: RpcErrorData };
}

export function rpcError(id: RpcId, code: number, message: string, data?: RpcErrorData): RpcError {
  return { jsonrpc: '2.0', id, error: data ? { code, message, data } : { code, message } };
}

/** The same error for each request of a body; one with id null for a body without requests. */
export const rpcErrors = (ids: readonly RpcId[], code: number, message: string, data?: RpcErrorData): RpcError[] =>
  (ids.length === 0 ? [null] : ids).map((id) => rpcError(id, code, message, data));

/** The answer to an unknown, expired, deleted or foreign session: the same bytes in every case. HTTP status 404. */
export const sessionNotFound = (id: RpcId = null): RpcError =>
  rpcError(id, RPC_ERROR.sessionNotFound, 'Session not found');
