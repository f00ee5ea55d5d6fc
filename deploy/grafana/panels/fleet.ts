import { lines, now, orZero, quantile, rate, type Dashboard } from '../dashboard.ts';

/** The monitoring checklist: one row each, then what makes the rows move. */
export const fleet: Dashboard = {
  uid: 'holdfast-fleet',
  title: 'Holdfast: fleet',
  description: 'Is the mesh well? One row for each point of the monitoring checklist.',
  hasServerChoice: false,
  rows: [
    {
      title: 'Gateways',
      panels: [
        now('Gateways', 'bool', 'Envoy of each gateway node answers. Alert: GatewayDown.', [
          'max by (node) (up{job="holdfast-gateway"})',
          '{{node}}',
        ]),
        now('Sidecars', 'bool', 'The sidecar of each node answers. Alert: SidecarDown.', [
          'min by (node) (up{job="holdfast-sidecar"})',
          '{{node}}',
        ]),
        now('Members', 'bool', 'Nodes that are in the mesh, or should be (HA_CLUSTER_NODES). Alert: GatewayMissing.', [
          'max by (node) (holdfast_mesh_gateway)',
          '{{node}}',
        ]),
        lines(
          'Requests by routing mode',
          'reqps',
          'steady: Envoy alone. decide: the sidecar was asked. relay: the sidecar carried it. modern: 2026-07-28.',
          [rate('mode', 'holdfast_requests_by_mode_total'), '{{mode}}'],
        ),
      ],
    },
    {
      title: 'Balancers',
      panels: [
        now('Balancers', 'bool', 'Edge Envoys answer; empty when another balancer is used. Alert: BalancerDown.', [
          orZero('max by (node) (up{job="holdfast-edge"})'),
          '{{node}}',
        ]),
        lines('Requests of the balancers', 'reqps', 'What edges take in.', [
          orZero(
            rate('node', 'envoy_http_downstream_rq_total{job="holdfast-edge",envoy_http_conn_manager_prefix!="admin"}'),
          ),
          '{{node}}',
        ]),
      ],
    },
    {
      title: 'Redis',
      panels: [
        now('Redis reached by', 'bool', 'Each gateway’s connection. Alerts: RedisDown, RedisUnreachable.', [
          'min by (node) (holdfast_redis_up)',
          '{{node}}',
        ]),
        lines('Redis commands, p99', 's', 'Above 50 ms new sessions are written behind. Alert: RedisSlow.', [
          orZero(quantile(0.99, 'command', 'holdfast_redis_duration_seconds_bucket')),
          '{{command}}',
        ]),
        lines('Redis errors', 'reqps', 'Commands that failed or timed out.', [
          orZero(rate('kind', 'holdfast_redis_errors_total')),
          '{{kind}}',
        ]),
      ],
    },
    {
      title: 'Servers',
      panels: [
        now('Servers', 'bool', 'Some replica takes new sessions, on every gateway. Alert: ServerUnhealthy.', [
          'min by (server_id) (mcp_server_health)',
          '{{server_id}}',
        ]),
        lines('Replicas by state', 'short', 'What the control plane says of them. Alert: ReplicaUnhealthy.', [
          'max by (server_id, state) (sum by (instance, server_id, state) (holdfast_mesh_replicas))',
          '{{server_id}} {{state}}',
        ]),
        now(
          'Breakers that are not closed',
          'short',
          'Replicas and tools that are shut out at the moment. Alert: BreakerOpen.',
          [orZero('count(max by (server_id, level, key) (mcp_breaker_not_closed))'), 'not closed'],
        ),
      ],
    },
    {
      title: 'Certificates',
      panels: [
        {
          ...now(
            'Certificates',
            'd',
            'Days until the first certificate of each Envoy ends; 3650: it has none. Alert: CertificateExpiresSoon.',
            ['clamp_max(min by (job, node) (envoy_server_days_until_first_cert_expiring), 3650)', '{{node}} {{job}}'],
          ),
          alarm: 21,
          isGoodAbove: true,
        },
      ],
    },
    {
      title: 'Response time',
      panels: [
        {
          ...lines(
            'Response time, p99',
            's',
            'All requests except streams, by server. Alert: SlowResponses (tool calls).',
            [quantile(0.99, 'server_id', 'mcp_request_duration_seconds_bucket{method!="GET"}'), '{{server_id}}'],
          ),
          alarm: 5,
        },
        lines('Response time, median', 's', 'The ordinary request.', [
          quantile(0.5, 'server_id', 'mcp_request_duration_seconds_bucket{method!="GET"}'),
          '{{server_id}}',
        ]),
        lines(
          'What the mesh adds, p99',
          's',
          'Time in ext_proc and before the relay sends a request on.',
          [quantile(0.99, 'message', 'holdfast_ext_proc_duration_seconds_bucket'), 'ext_proc {{message}}'],
          [quantile(0.99, 'server_id', 'holdfast_relay_overhead_seconds_bucket'), 'relay {{server_id}}'],
        ),
      ],
    },
    {
      title: 'Errors',
      panels: [
        {
          ...lines('Errors', 'reqps', 'By kind. Alert: HighErrorRate.', [
            orZero(rate('error_type', 'mcp_errors_total')),
            '{{error_type}}',
          ]),
          alarm: 0.1,
        },
        {
          ...lines(
            'Requests that the mesh failed',
            'percentunit',
            'Replica faults, overload and lost sessions; a thousandth is allowed. Alerts: AvailabilityBurns….',
            [orZero('holdfast:availability:failed_ratio_5m'), '{{server_id}}'],
          ),
          alarm: 0.001,
        },
        {
          ...lines('Sessions lost', 'percentunit', 'Of those that began or moved. Alerts: SessionLossBurns….', [
            orZero('holdfast:sessions:lost_ratio_5m'),
            '{{server_id}}',
          ]),
          alarm: 0.001,
        },
      ],
    },
    {
      title: 'Resources',
      panels: [
        lines('CPU', 'percentunit', 'Cores in use, per process.', [
          rate('job, node', 'process_cpu_seconds_total{job=~"holdfast-.+"}'),
          '{{node}} {{job}}',
        ]),
        lines(
          'Memory',
          'bytes',
          'Alert: MemoryHigh.',
          ['max by (job, node) (process_resident_memory_bytes{job=~"holdfast-.+"})', '{{node}} {{job}}'],
          ['max by (node) (envoy_server_memory_allocated{job=~"holdfast-gateway|holdfast-edge"})', '{{node}} envoy'],
          [rate('reason', 'holdfast_spans_dropped_total'), 'spans: {{reason}}'],
        ),
        {
          ...lines('Event loop’s delay, p99', 's', 'Alert: EventLoopSlow.', [
            'max by (node) (nodejs_eventloop_lag_p99_seconds{job="holdfast-sidecar"})',
            '{{node}}',
          ]),
          alarm: 0.2,
        },
        lines(
          'Outcomes and spans nobody saw',
          'reqps',
          'Access log entries, outcomes and spans that were dropped; should be 0. Alerts: OutcomesDropped, SpansDropped.',
          [orZero(rate('sink', 'holdfast_outcomes_dropped_total')), '{{sink}}'],
          [rate('node', 'envoy_access_logs_open_telemetry_access_log_logs_dropped'), '{{node}} envoy'],
        ),
      ],
    },
    {
      title: 'Control plane',
      panels: [
        now('Leader', 'bool', 'Who holds the lease. Alert: NoLeader.', [
          'max by (node) (holdfast_control_plane_leader)',
          '{{node}}',
        ]),
        now(
          'Connected to a control plane',
          'bool',
          'Each Envoy and sidecar. Alert: ControlPlaneUnreachable.',
          ['min by (node) (envoy_control_plane_connected_state)', '{{node}} envoy'],
          ['min by (node) (holdfast_xds_connected)', 'sidecar {{node}}'],
        ),
        lines('Updates written', 'reqps', 'Responses of the control plane, by type.', [
          rate('type', 'holdfast_xds_pushes_total'),
          '{{type}}',
        ]),
        lines('Answers to updates', 'reqps', 'nack: a node refused one. Alert: ConfigurationRejected.', [
          rate('answer', 'holdfast_xds_answers_total'),
          '{{answer}}',
        ]),
      ],
    },
  ],
};
