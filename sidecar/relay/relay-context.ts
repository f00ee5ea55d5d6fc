import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { AccessControl } from '../authorization/access.ts';
import type { LimitName } from '../../proto/limits.ts';
import type { Outcome } from '../../proto/outcome.ts';
import type { BodyBudget } from '../budget/body-budget.ts';
import type { CallShares } from '../budget/call-shares.ts';
import type { Turns } from '../budget/turns.ts';
import type { NewSessions } from '../budget/new-sessions.ts';
import type { Breakers } from '../breaker/breakers.ts';
import type { FleetLimits } from '../rate-limits/fleet-limits.ts';
import type { Recovery } from '../recovery/recovery.ts';
import type { RecoveryMetrics } from '../recovery/recovery-metrics.ts';
import type { Identities } from '../principal/identities.ts';
import type { AffinityMemory } from '../affinity/affinity-memory.ts';
import type { SharedCache } from './cache/shared-cache.ts';
import type { ListenStreams } from './listen/listen-streams.ts';
import type { RetryBudget } from '../recovery/retry-budget.ts';
import type { ReplicaClient } from '../replica/client.ts';
import type { SessionDirectory } from '../session/session-directory.ts';
import type { Traces } from '../tracing/tracing.ts';
import type { ServerView } from '../xds/topology.ts';
import type { PendingServerRequests } from './call/pending-server-requests.ts';
import type { GetStreams } from './stream/get-streams.ts';
import type { MissingStreams } from './stream/missing-streams.ts';
import type { PrimedCalls } from './resume/primed-calls.ts';
import type { SessionCalls } from './call/session-calls.ts';
import type { HeldSessions } from './http-sse/held-sessions.ts';
import type { ToolKnowledge } from './call/tool-knowledge.ts';

/** What a gateway saw of a replica; goes to CHANNEL.reports, and the control plane looks at once. */
export interface ReplicaReport {
  server: string;
  slot: string;
  kind: 'unreachable' | 'unknown-session' | 'hanging';
}

/** The relay's share of the sidecar's metrics. */
export interface RelayMetrics extends Pick<RecoveryMetrics, 'recovery'> {
  relayOverhead(server: string, durationMs: number): void;
  relayStreams(server: string, kind: 'call' | 'stream', open: number): void;
  retry(server: string, result: 'sent' | 'budget' | 'unsafe'): void;
  /** A client came back to a call whose stream was cut. */
  resumed(server: string, result: 'answer' | 'repeated' | 'lost'): void;
  created(server: string, backend: string): void;
  ended(server: string, reason: 'deleted' | 'expired', livedMs: number | null): void;
  lost(
    server: string,
    reason:
      | 'unknown'
      | 'capability'
      | 'no-replica'
      | 'timeout'
      | 'queue-full'
      | 'conflict'
      | 'failed'
      | 'store-lost'
      | 'policy',
  ): void;
  ambiguousCall(server: string): void;
  /** A limit turned something away. */
  refused(server: string, limit: LimitName): void;
  bufferedBytes(bytes: number): void;
  /** A rule refused something, or would have. */
  unauthorized(server: string, rule: string, mode: 'enforce' | 'dry-run'): void;
}

/** What every exchange of the relay shares. */
export interface RelayContext {
  server: (name: string) => ServerView | undefined;
  /** `ip:port` at which neighbours reach this relay. */
  ownRelay: string;
  directory: SessionDirectory;
  identities: Identities;
  recovery: Recovery;
  upstream: ReplicaClient;
  /** Chooses a replica for a request that belongs to none yet. */
  place: (view: ServerView, excluded: ReadonlySet<string>) => ReplicaEndpoint | null;
  breakers: Pick<Breakers, 'gate' | 'release' | 'attemptFailed'>;
  outcome: (outcome: Outcome) => void;
  report: (report: ReplicaReport) => void;
  metrics: RelayMetrics;
  tools: ToolKnowledge;
  budget: (server: string) => RetryBudget;
  calls: SessionCalls;
  /** Requests of servers that their clients have not answered yet. */
  serverRequests: PendingServerRequests;
  streams: GetStreams;
  missingStreams: MissingStreams;
  /** Bytes of requests that this process holds. */
  bodies: BodyBudget;
  sessions: NewSessions;
  /** Calls in flight by client. */
  shares: CallShares;
  /** Calls without a session, and long bodies of sessions. */
  turns: Turns;
  /** Streams, and requests of no session with a long body: in what the others leave of the event loop. */
  beginnings: Turns;
  /** Calls that their clients can come back to. */
  primed: PrimedCalls;
  /** Sessions of HTTP+SSE whose stream this relay holds. */
  httpSse: HeldSessions;
  /** Of 2026-07-28: what only one replica holds. */
  affinity: AffinityMemory;
  /** Results that may be given to others. */
  cache: SharedCache;
  /** Open subscriptions. */
  listens: ListenStreams;
  /** Who may do what (sidecar/authorization). */
  access: AccessControl;
  /** How many calls the fleet lets through (sidecar/rate-limits). */
  fleetLimits: FleetLimits;
  /** Traces requests and recoveries, where the operator wants it (sidecar/tracing). */
  traces: Traces;
  /** A node that is silent for so long, in ms, is gone. */
  nodeGoneMs: number;
  now: () => number;
  random: () => number;
  /** Counts and logs a failure of the relay's own code. */
  internalError: (where: 'relay' | 'timer', error: unknown, traceId?: string | null) => void;
}
