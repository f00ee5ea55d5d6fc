import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import type { RecoveryReason } from '../../proto/recovery-reason.ts';
import type { RecoverySteps } from '../tracing/recovery-trace.ts';
import type { Urgency } from './admission-queue.ts';
import type { OwnRefusal, Rebuilder } from './rebuilder.ts';
import type { RefusalReason } from './refusal-reason.ts';

export interface ServerView {
  policy: ServerPolicy;
  endpoints: readonly ReplicaEndpoint[];
  bySlot(slot: string): ReplicaEndpoint | undefined;
}

export interface RecoveryRequest {
  record: SessionRecord;
  reason: RecoveryReason;
  /** What `upstreamHeaders` made of the live request (Authorization, Host, keys); never stored. Empty when no request is at hand. */
  headers: readonly string[];
  /** The live request's query with its `?`, for the replica's path; never stored. */
  query?: string;
  /** ms since the epoch; the policy's `timeouts.recoveryMs` from now when left out. */
  deadlineMs?: number;
  urgency?: Urgency;
  /** How the session is rebuilt; streamable HTTP when left out. */
  rebuilder?: Rebuilder;
  /** Hears of what is done, and of what is waited for; null: nobody traces it. */
  trace?: RecoverySteps | null;
}

/** What the mesh says of its own goes out with these; never stored. */
export type LiveRequest = Pick<RecoveryRequest, 'headers' | 'query' | 'trace'>;

export type Recovered =
  /** `isFollowed`: somebody else had moved it. */
  | { kind: 'recovered'; record: SessionRecord; isFollowed: boolean }
  /** `answer` is the replica's own, for `unauthorized`. */
  | { kind: 'refused'; reason: RefusalReason; answer?: OwnRefusal };
