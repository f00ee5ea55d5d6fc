import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { RECOVERY_REASONS, type RecoveryReason } from '../../proto/recovery-reason.ts';
import { FAILOVER_SECONDS, SESSION_SECONDS } from './buckets.ts';

/** What it came to: `recovered`, `followed` (another node had done it), or why it was refused. */
export type RecoveryResult =
  | 'recovered'
  | 'followed'
  | 'unknown'
  | 'capability'
  | 'no-replica'
  | 'timeout'
  | 'queue-full'
  | 'conflict'
  | 'failed';

const LOSSES = [
  'unknown',
  'capability',
  'no-replica',
  'timeout',
  'queue-full',
  'conflict',
  'failed',
  'store-lost',
  'policy',
] as const;

/** Sessions: begun, alive, moved, lost. */
export function sessionMetrics(registry: Registry) {
  const registers = [registry];
  const created = new Counter({
    name: 'mcp_sessions_created_total',
    help: 'Sessions that began on this gateway.',
    labelNames: ['server_id', 'backend'],
    registers,
  });
  const ended = new Counter({
    name: 'mcp_sessions_ended_total',
    help: 'Sessions that ended, by reason (deleted, expired).',
    labelNames: ['server_id', 'reason'],
    registers,
  });
  const duration = new Histogram({
    name: 'mcp_server_session_duration_seconds',
    help: 'How long sessions lived that ended here (OpenTelemetry’s mcp.server.session.duration).',
    labelNames: ['server_id', 'network_transport'],
    buckets: SESSION_SECONDS,
    registers,
  });
  const live = new Gauge({
    name: 'mcp_sessions_live',
    help: 'Sessions that this gateway knows to be alive.',
    labelNames: ['server_id'],
    registers,
  });
  const recoveries = new Counter({
    name: 'mcp_session_recoveries_total',
    help: 'Sessions rebuilt on another replica, by reason and result.',
    labelNames: ['server_id', 'reason', 'result'],
    registers,
  });
  const failover = new Histogram({
    name: 'mcp_failover_duration_seconds',
    help: 'Time from noticing that a session is gone to having it back, queueing included.',
    labelNames: ['server_id'],
    buckets: FAILOVER_SECONDS,
    registers,
  });
  const movesDropped = new Counter({
    name: 'holdfast_session_moves_dropped_total',
    help: 'Moves that a session’s story no longer holds, because it moved more often (servers[].limits.keptMoves).',
    labelNames: ['server_id'],
    registers,
  });
  const lost = new Counter({
    name: 'mcp_session_lost_total',
    help: 'Sessions that a client lost although it had not ended them.',
    labelNames: ['server_id', 'reason'],
    registers,
  });
  const ambiguous = new Counter({
    name: 'mcp_calls_ambiguous_total',
    help: 'Calls whose client was told that nobody knows whether they were carried out.',
    labelNames: ['server_id'],
    registers,
  });
  const queue = new Gauge({
    name: 'mcp_recovery_queue_depth',
    help: 'Recoveries that wait for their turn.',
    labelNames: ['server_id'],
    registers,
  });
  const inFlight = new Gauge({
    name: 'mcp_recoveries_in_flight',
    help: 'Recoveries under way.',
    labelNames: ['server_id'],
    registers,
  });
  const touches = new Counter({
    name: 'holdfast_session_touches_total',
    help: 'Batched updates of sessions’ last activity (written, failed, dropped).',
    labelNames: ['result'],
    registers,
  });

  const evicted = new Counter({
    name: 'holdfast_session_cache_evictions_total',
    help: 'Sessions that a node let go of in its memory for want of room (sessionStore.cachedSessions).',
    registers,
  });

  const begun = new Set<string>();

  return {
    /** Begins this server's counters at 0. */
    begin(server_id: string, backends: Iterable<string>): void {
      for (const backend of backends) created.inc({ server_id, backend }, 0);
      for (const reason of ['deleted', 'expired']) ended.inc({ server_id, reason }, 0);
      for (const reason of RECOVERY_REASONS)
        for (const result of ['recovered', 'followed']) recoveries.inc({ server_id, reason, result }, 0);
      for (const reason of LOSSES) lost.inc({ server_id, reason }, 0);
      ambiguous.inc({ server_id }, 0);
      movesDropped.inc({ server_id }, 0);
      // `zero` would take back what was observed.
      if (!begun.has(server_id)) failover.zero({ server_id });
      begun.add(server_id);
    },
    created(server: string, backend: string): void {
      created.inc({ server_id: server, backend });
    },
    /** `livedMs`: null when nobody knows when it began. */
    ended(server: string, reason: 'deleted' | 'expired', livedMs: number | null): void {
      ended.inc({ server_id: server, reason });
      if (livedMs !== null)
        duration.observe({ server_id: server, network_transport: 'tcp' }, Math.max(0, livedMs) / 1000);
    },
    /** `bySlot`: how many live on each replica. */
    live(server: string, bySlot: Iterable<number>): void {
      let count = 0;
      for (const each of bySlot) count += each;
      live.set({ server_id: server }, count);
    },
    /** `durationMs` counts from noticing the loss, and only for `recovered` and `followed`. */
    recovery(server: string, reason: RecoveryReason, result: RecoveryResult, durationMs: number): void {
      recoveries.inc({ server_id: server, reason, result });
      if (result === 'recovered' || result === 'followed') failover.observe({ server_id: server }, durationMs / 1000);
    },
    lost(server: string, reason: RecoveryResult | 'store-lost' | 'policy'): void {
      lost.inc({ server_id: server, reason });
    },
    movesDropped(server: string, count: number): void {
      movesDropped.inc({ server_id: server }, count);
    },
    ambiguousCall(server: string): void {
      ambiguous.inc({ server_id: server });
    },
    recoveryQueue(server: string, waiting: number, running: number): void {
      queue.set({ server_id: server }, waiting);
      inFlight.set({ server_id: server }, running);
    },
    evicted: (): void => evicted.inc(),
    touches(result: 'written' | 'failed' | 'dropped', count: number): void {
      touches.inc({ result }, count);
    },
  };
}
