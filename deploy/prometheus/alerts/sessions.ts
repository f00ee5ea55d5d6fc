import { growing, steady, type Alert } from '../alert.ts';

const requests = (failed: number, fine: number, minutes = 420) => [
  {
    series: 'mcp_requests_total{server_id="linear",backend="stable",method="tools/call",outcome="replica_fault"}',
    values: growing(failed, minutes),
  },
  {
    series: 'mcp_requests_total{server_id="linear",backend="stable",method="tools/call",outcome="success"}',
    values: growing(fine, minutes),
  },
  {
    series: 'mcp_requests_total{server_id="linear",backend="stable",method="tools/call",outcome="client_fault"}',
    values: growing(50, minutes),
  },
];
const sessions = (lost: number, created: number, minutes = 420) => [
  { series: 'mcp_session_lost_total{server_id="linear",reason="no-replica"}', values: growing(lost, minutes) },
  { series: 'mcp_sessions_created_total{server_id="linear",backend="stable"}', values: growing(created, minutes) },
  {
    series: 'mcp_session_recoveries_total{server_id="linear",reason="unreachable",result="recovered"}',
    values: growing(created, minutes),
  },
];
const failover = (bucket: string, perSecond: number) => ({
  series: `mcp_failover_duration_seconds_bucket{server_id="linear",le="${bucket}"}`,
  values: growing(perSecond),
});
const linear = { server_id: 'linear' };

const BURN = 'The objective is 99.9 % over 30 days, so one in a thousand may fail.';
const AVAILABILITY =
  'Faults of replicas, overload and lost sessions count. Errors of tools and of clients do not, and neither do calls that an open breaker of a tool refuses. HighErrorRate shows the kind of failure, ServerUnhealthy and BreakerOpen show the replicas.';
const LOSS =
  'The label `reason` says why. `no-replica`: no replica was healthy in time. `timeout` and `queue-full`: recoveries were too slow (RecoveryQueue). `capability`: the other replicas have another version. `store-lost`: Redis had no record.';

export const sessionAlerts: Alert[] = [
  {
    name: 'AvailabilityBurnsFast',
    expr: 'holdfast:availability:failed_ratio_5m > 0.0144 and holdfast:availability:failed_ratio_1h > 0.0144',
    for: '1m',
    severity: 'critical',
    summary: '{{ $labels.server_id }}: {{ $value | humanizePercentage }} of requests fail',
    runbook: `${BURN} At this rate, 2 % of the month’s budget is used each hour. ${AVAILABILITY}`,
    labels: linear,
    fires: { description: '2 % fail for an hour', series: requests(0.2, 9.8), atMinutes: 65 },
    quiet: {
      description: '1 % fails, and a tool’s breaker refuses as much again',
      atMinutes: 65,
      series: [
        ...requests(0.1, 9.8),
        {
          series: 'mcp_requests_total{server_id="linear",backend="none",method="tools/call",outcome="overload"}',
          values: growing(0.1, 420),
        },
        { series: 'mcp_breaker_rejected_total{server_id="linear",level="tool"}', values: growing(0.1, 420) },
      ],
    },
  },
  {
    name: 'AvailabilityBurns',
    expr: 'holdfast:availability:failed_ratio_30m > 0.006 and holdfast:availability:failed_ratio_6h > 0.006',
    for: '5m',
    severity: 'warning',
    summary: '{{ $labels.server_id }}: {{ $value | humanizePercentage }} of requests fail',
    runbook: `${BURN} At this rate, the month’s budget is used up in five days. ${AVAILABILITY}`,
    labels: linear,
    fires: { description: '1 % fails for hours', series: requests(0.1, 9.9), atMinutes: 380 },
    quiet: { description: 'one in two thousand fails', series: requests(0.005, 10), atMinutes: 380 },
  },
  {
    name: 'SessionLossBurnsFast',
    expr: 'holdfast:sessions:lost_ratio_5m > 0.0144 and holdfast:sessions:lost_ratio_1h > 0.0144',
    for: '1m',
    severity: 'critical',
    summary: '{{ $labels.server_id }}: {{ $value | humanizePercentage }} of sessions that begin or move are lost',
    runbook: `${BURN} The client of a lost session must initialize again, and many clients can’t. ${LOSS}`,
    labels: linear,
    fires: { description: 'one in twenty is lost', series: sessions(0.1, 1), atMinutes: 65 },
    quiet: { description: 'one in a thousand is lost', series: sessions(0.002, 1), atMinutes: 65 },
  },
  {
    name: 'SessionLossBurns',
    expr: 'holdfast:sessions:lost_ratio_30m > 0.006 and holdfast:sessions:lost_ratio_6h > 0.006',
    for: '5m',
    severity: 'warning',
    summary: '{{ $labels.server_id }}: {{ $value | humanizePercentage }} of sessions that begin or move are lost',
    runbook: `${BURN} At this rate, the month’s budget is used up in five days. ${LOSS}`,
    labels: linear,
    fires: { description: 'one in a hundred is lost for hours', series: sessions(0.02, 1), atMinutes: 380 },
    quiet: { description: 'none is lost', series: sessions(0, 1), atMinutes: 380 },
  },
  {
    name: 'SlowFailover',
    expr: 'holdfast:failover_duration_seconds:p99_15m > 1',
    for: '5m',
    severity: 'warning',
    summary: 'p99 of recoveries of {{ $labels.server_id }} is {{ printf "%.1f" $value }} s',
    runbook:
      'Sessions of lost replicas should be back within 1 s. A recovery sends `initialize` and a few requests to another replica. Usual reasons are slow replicas, a long queue (RecoveryQueue) and a slow Redis (RedisSlow).',
    labels: linear,
    fires: {
      description: 'a tenth takes longer than 2 s',
      series: [failover('1', 0.8), failover('2', 0.9), failover('5', 1), failover('+Inf', 1)],
      atMinutes: 25,
    },
    quiet: {
      description: 'all are done within 0.5 s',
      series: [failover('0.5', 1), failover('1', 1), failover('+Inf', 1)],
      atMinutes: 25,
    },
  },
  {
    name: 'RecoveryQueue',
    expr: 'sum by (server_id) (mcp_recovery_queue_depth) > 100',
    for: '1m',
    severity: 'warning',
    summary: '{{ $value }} sessions of {{ $labels.server_id }} wait to be rebuilt',
    runbook:
      'A replica with many sessions died. `recoveryConcurrency` bounds how many sessions are rebuilt at a time, so that the other replicas are not overloaded. If the other replicas have capacity, raise it. If not, add replicas.',
    labels: linear,
    fires: {
      description: '150 wait on two gateways',
      series: ['a:1', 'b:1'].map((instance) => ({
        series: `mcp_recovery_queue_depth{server_id="linear",instance="${instance}"}`,
        values: steady(75),
      })),
      atMinutes: 3,
    },
    quiet: {
      description: '20 wait',
      series: [{ series: 'mcp_recovery_queue_depth{server_id="linear"}', values: steady(20) }],
      atMinutes: 3,
    },
  },
  {
    name: 'AmbiguousCalls',
    expr: 'sum by (server_id) (increase(mcp_calls_ambiguous_total[15m])) > 5',
    for: '0m',
    severity: 'warning',
    summary:
      '{{ printf "%.0f" $value }} calls of {{ $labels.server_id }} in 15 minutes ended without anybody knowing whether they were carried out',
    runbook:
      'Replicas died during calls that must not be sent twice. Each client got an error within a second. Find out why replicas die (ReplicaUnhealthy). If a tool is safe to repeat, list it in `retrySafeTools`. If the server’s annotations are right, set `trustAnnotations`. Another replica then answers such calls.',
    labels: linear,
    fires: {
      description: 'ten in a quarter of an hour',
      series: [{ series: 'mcp_calls_ambiguous_total{server_id="linear"}', values: growing(0.012) }],
      atMinutes: 20,
    },
    quiet: {
      description: 'one',
      series: [{ series: 'mcp_calls_ambiguous_total{server_id="linear"}', values: `0x20 ${steady(1)}` }],
      atMinutes: 20,
    },
  },
];
