/** What one request came to. Exactly one per request, from Envoy's access log or from the relay, never from both. */
export const OUTCOME_KINDS = [
  'success',
  'tool_error',
  'protocol_error',
  'server_error',
  'replica_fault',
  'overload',
  'lost_session',
  'client_fault',
  'cancelled',
  'unread',
] as const;
export type OutcomeKind = (typeof OUTCOME_KINDS)[number];

export interface Outcome {
  kind: OutcomeKind;
  server: string;
  /** Slot that answered; null when none did. */
  slot: string | null;
  backend: string | null;
  /** JSON-RPC method; `other` when it was not read. `GET` and `DELETE` for those. */
  method: string;
  /** Tool name of a tools/call; null otherwise. */
  tool: string | null;
  /** HTTP status that the client got; 0 when none. */
  status: number;
  /** JSON-RPC error code, when one was read. */
  errorCode: number | null;
  durationMs: number;
  /** ms since the epoch, when the request began. */
  startedAtMs: number;
  source: 'envoy' | 'relay';
  mode: 'steady' | 'decide' | 'relay' | 'modern';
  /** Session id that the client holds; null when none. Never logged, only digested. */
  session: string | null;
  /** Address of the client, an IPv6 one cut to its /64; null when it is not known. Never logged. */
  client?: string | null;
  /** Who asked, for the audit trail; absent where the server has none, or only its session says it. */
  principal?: string | null;
  /** No answer in time: the replica is to blame only when it does not answer a ping either. */
  isTimeout?: boolean;
  /** The server asked its client for something meanwhile (sampling, elicitation, roots): how long it took says nothing. */
  hasWaitedForClient?: boolean;
  traceId: string | null;
  /** The breaker permit that the request was sent with, as the gate named it; absent when it needed none. */
  permit?: string | null;
}
