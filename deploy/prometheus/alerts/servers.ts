import { growing, steady, type Alert } from '../alert.ts';

const errors = (perSecond: number, type = 'server_error') => [
  {
    series: `mcp_errors_total{method="tools/call",server_id="linear",error_type="${type}",instance="a:1"}`,
    values: growing(perSecond),
  },
];
const calls = (bucket: string, perSecond: number) => ({
  series: `mcp_request_duration_seconds_bucket{method="tools/call",server_id="linear",status="200",le="${bucket}"}`,
  values: growing(perSecond),
});

export const serverAlerts: Alert[] = [
  {
    name: 'HighErrorRate',
    expr: 'sum by (server_id) (rate(mcp_errors_total{error_type!="client_fault"}[5m])) > 0.1',
    for: '2m',
    severity: 'warning',
    summary: '{{ $labels.server_id }} has {{ printf "%.2f" $value }} errors a second',
    runbook:
      'These are errors of tools, servers and replicas, and not of clients. `error_type` on the server dashboard names the cause. `tool_error` and `server_error` come from the server: look at the tools panel and at the server’s log. `replica_fault` and `lost_session` come from replicas: see ServerUnhealthy and BreakerOpen. `overload` means too little capacity.',
    labels: { server_id: 'linear' },
    fires: { description: 'a fifth of an error a second', series: errors(0.2), atMinutes: 10 },
    quiet: {
      description: 'clients err, the server hardly does',
      series: [...errors(5, 'client_fault'), ...errors(0.05)],
      atMinutes: 10,
    },
  },
  {
    name: 'ServerUnhealthy',
    expr: 'min by (server_id) (mcp_server_health) == 0',
    for: '1m',
    severity: 'warning',
    summary: 'No replica of {{ $labels.server_id }} takes new sessions',
    runbook:
      'At least one gateway has no replica of this server for new sessions. Clients get 503 with Retry-After. Their sessions are kept, and go on when a replica is back. `holdfast replicas` gives the reason for each replica: probe, breaker, drain, or weight 0.',
    labels: { server_id: 'linear' },
    fires: {
      description: 'one gateway sees no replica',
      series: [
        { series: 'mcp_server_health{server_id="linear",instance="a:1"}', values: steady(0) },
        { series: 'mcp_server_health{server_id="linear",instance="b:1"}', values: steady(1) },
      ],
      atMinutes: 3,
    },
    quiet: {
      description: 'it was out for half a minute',
      series: [{ series: 'mcp_server_health{server_id="linear",instance="a:1"}', values: `1x4 0 0 ${steady(1)}` }],
      atMinutes: 2,
    },
  },
  {
    name: 'ReplicaUnhealthy',
    expr: 'max by (server_id, backend) (holdfast_mesh_replicas{state="unhealthy"}) > 0',
    for: '2m',
    severity: 'warning',
    summary: '{{ $value }} replicas of {{ $labels.server_id }} ({{ $labels.backend }}) are unhealthy',
    runbook:
      'The sessions of these replicas were moved to others. `holdfast replicas` shows what the probe found. A replica that comes back takes new sessions by itself.',
    labels: { server_id: 'linear', backend: 'stable' },
    fires: {
      description: 'one replica fails its probes',
      series: [
        { series: 'holdfast_mesh_replicas{server_id="linear",backend="stable",state="unhealthy"}', values: steady(1) },
      ],
      atMinutes: 4,
    },
    quiet: {
      description: 'all are active',
      series: [
        { series: 'holdfast_mesh_replicas{server_id="linear",backend="stable",state="active"}', values: steady(3) },
      ],
      atMinutes: 4,
    },
  },
  {
    name: 'BreakerOpen',
    expr: 'max by (server_id, level, key) (mcp_breaker_not_closed{state=~"open|half-open"}) == 1',
    for: '1m',
    severity: 'warning',
    summary: 'The breaker of {{ $labels.level }} {{ $labels.key }} of {{ $labels.server_id }} is open',
    runbook:
      'Level `replica`: several requests in a row failed at this replica. Its sessions were moved, and the breaker tries the replica again by itself. Level `tool`: the tool fails on every replica. Its calls are refused with 503 until a trial succeeds, so look at the tool. `holdfast breaker list` shows who opened the breaker and when it tries again. `holdfast breaker reset` closes it.',
    labels: { server_id: 'linear', level: 'tool', key: 'charge' },
    fires: {
      description: 'a tool’s breaker is open',
      series: [
        {
          series: 'mcp_breaker_not_closed{server_id="linear",level="tool",key="charge",state="open"}',
          values: steady(1),
        },
      ],
      atMinutes: 3,
    },
    quiet: {
      description: 'an operator forced it',
      series: [
        {
          series: 'mcp_breaker_not_closed{server_id="linear",level="tool",key="charge",state="forced-open"}',
          values: steady(1),
        },
      ],
      atMinutes: 3,
    },
  },
  {
    name: 'BreakerForcedOpen',
    expr: 'max by (server_id, level, key) (mcp_breaker_not_closed{state="forced-open"}) == 1',
    for: '1h',
    severity: 'info',
    summary:
      'The breaker of {{ $labels.level }} {{ $labels.key }} of {{ $labels.server_id }} has been forced open for an hour',
    runbook:
      'An operator opened this breaker. It stays open until an operator closes it with `holdfast breaker reset`. Check whether the order is still wanted.',
    labels: { server_id: 'linear', level: 'replica', key: '7' },
    fires: {
      description: 'the order is an hour old',
      series: [
        {
          series: 'mcp_breaker_not_closed{server_id="linear",level="replica",key="7",state="forced-open"}',
          values: steady(1, 90),
        },
      ],
      atMinutes: 62,
    },
    quiet: {
      description: 'the order is half an hour old',
      series: [
        {
          series: 'mcp_breaker_not_closed{server_id="linear",level="replica",key="7",state="forced-open"}',
          values: steady(1),
        },
      ],
      atMinutes: 30,
    },
  },
  {
    name: 'SlowResponses',
    expr: 'holdfast:request_duration_seconds:p99_5m{method="tools/call"} > 5',
    for: '10m',
    severity: 'warning',
    summary: 'p99 of tool calls of {{ $labels.server_id }} is {{ printf "%.1f" $value }} s',
    runbook:
      'More than one call in a hundred takes longer than 5 s. If your tools are slow by nature, change the objective in this rule. The server dashboard shows which tools are slow. If all of them are, look at the load of the replicas first. `holdfast_relay_overhead_seconds` and `holdfast_ext_proc_duration_seconds` show the time that Holdfast itself adds.',
    labels: { server_id: 'linear', method: 'tools/call' },
    fires: {
      description: 'one call in ten takes longer than 5 s',
      series: [calls('5', 0.9), calls('10', 1), calls('+Inf', 1)],
      atMinutes: 20,
    },
    quiet: {
      description: 'all take less than a second',
      series: [calls('1', 1), calls('5', 1), calls('+Inf', 1)],
      atMinutes: 20,
    },
  },
];
