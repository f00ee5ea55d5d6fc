import { growing, steady, type Alert } from '../alert.ts';

const redis = (bucket: string, perSecond: number) => ({
  series: `holdfast_redis_duration_seconds_bucket{command="evalsha",le="${bucket}"}`,
  values: growing(perSecond),
});
const cert = (days: number) => [
  {
    series: 'envoy_server_days_until_first_cert_expiring{job="holdfast-edge",instance="a:1",node="edge-1"}',
    values: steady(days),
  },
];
const certLabels = { job: 'holdfast-edge', instance: 'a:1', node: 'edge-1' };
const a = { instance: 'a:1', node: 'a' };
const at = (metric: string, values: string) => [{ series: `${metric}{instance="a:1",node="a"}`, values }];

export const linkAlerts: Alert[] = [
  {
    name: 'RedisDown',
    expr: 'max(holdfast_redis_up) == 0',
    for: '30s',
    severity: 'critical',
    summary: 'No gateway reaches Redis',
    runbook:
      'Clients notice nothing, and existing sessions go on. New sessions work, but only the node where they began can rebuild them. If that node dies, they are lost, so bring Redis back soon. Each node applies its breakers alone. When Redis is back, the nodes write what they kept.',
    labels: {},
    fires: {
      description: 'nobody reaches it',
      series: ['a', 'b'].map((node) => ({ series: `holdfast_redis_up{node="${node}"}`, values: steady(0) })),
      atMinutes: 2,
    },
    quiet: {
      description: 'one of two does',
      series: [
        { series: 'holdfast_redis_up{node="a"}', values: steady(0) },
        { series: 'holdfast_redis_up{node="b"}', values: steady(1) },
      ],
      atMinutes: 2,
    },
  },
  {
    name: 'RedisUnreachable',
    expr: 'holdfast_redis_up == 0',
    for: '2m',
    severity: 'warning',
    summary: '{{ $labels.node }} does not reach Redis',
    runbook:
      'This node works with its own cache. The other nodes do not know its new sessions. If the other nodes reach Redis, look at this node’s network and at `SESSION_STORE_URL`.',
    labels: a,
    fires: { description: 'for more than two minutes', series: at('holdfast_redis_up', steady(0)), atMinutes: 4 },
    quiet: {
      description: 'for a minute, after a failover',
      series: at('holdfast_redis_up', `1x8 0x3 ${steady(1)}`),
      atMinutes: 4,
    },
  },
  {
    name: 'RedisRefusesWrites',
    expr: 'holdfast_redis_writable == 0',
    for: '30s',
    severity: 'critical',
    summary: 'Redis refuses the writes of {{ $labels.node }}',
    runbook:
      'Redis answers, but refuses writes. Either it is full (OOM), is read-only after a failover (READONLY), cannot save (MISCONF), or denies its user a command (NOPERM). The log line “the session store is away” and `/health` say which. Only this node knows its new sessions; a session that it does not know gets 503, and never 404. Add memory (`maxmemory`), point the URL at the primary, or give the user its commands (deploy/README.md). The node then writes what it kept.',
    labels: a,
    fires: { description: 'for a minute', series: at('holdfast_redis_writable', steady(0)), atMinutes: 2 },
    quiet: { description: 'it takes writes', series: at('holdfast_redis_writable', steady(1)), atMinutes: 2 },
  },
  {
    name: 'RedisMemoryHigh',
    expr: 'max(holdfast_redis_memory_ratio) > 0.7',
    for: '2m',
    severity: 'warning',
    summary: 'Redis uses {{ $value | humanizePercentage }} of its maxmemory',
    runbook:
      'At `sessionStore.maxMemoryPercent` (80 %) new sessions are refused with 503. Existing sessions go on. LimitReached shows who begins so many sessions. Raise `maxmemory`, or lower `limits.sessionsPerAddress`, `limits.initializeBytes` or `sessionTtlSeconds`.',
    labels: {},
    fires: { description: 'for three minutes', series: at('holdfast_redis_memory_ratio', steady(0.75)), atMinutes: 4 },
    quiet: { description: 'half full', series: at('holdfast_redis_memory_ratio', steady(0.5)), atMinutes: 4 },
  },
  {
    name: 'LimitReached',
    expr: 'sum by (server_id, limit) (rate(holdfast_limit_refusals_total[5m])) > 0.2',
    for: '2m',
    severity: 'warning',
    summary: 'Clients of {{ $labels.server_id }} reach the limit {{ $labels.limit }}',
    runbook:
      'A client asks for more than one client may have. It gets an error that names the configuration key, and other clients are served. docs/limits.md lists each limit with its key. If one client sends too much, you can block it in front of the mesh. If many clients share the address of a balancer or proxy, set `gateway.xffTrustedHops`. If the traffic has grown, raise the key; sidecars or Redis then need more memory.',
    labels: { server_id: 'linear', limit: 'initialize_rate' },
    fires: {
      description: 'a client begins sessions too fast',
      series: [
        {
          series: 'holdfast_limit_refusals_total{server_id="linear",limit="initialize_rate",node="a"}',
          values: growing(1),
        },
      ],
      atMinutes: 5,
    },
    quiet: {
      description: 'one request in a minute',
      series: [
        {
          series: 'holdfast_limit_refusals_total{server_id="linear",limit="initialize_rate",node="a"}',
          values: growing(1 / 60),
        },
      ],
      atMinutes: 5,
    },
  },
  {
    name: 'RedisSlow',
    expr: 'histogram_quantile(0.99, sum by (le) (rate(holdfast_redis_duration_seconds_bucket[5m]))) > 0.05',
    for: '5m',
    severity: 'warning',
    summary: 'p99 of Redis commands is {{ printf "%.3f" $value }} s',
    runbook:
      'A new session waits at most 50 ms for Redis, and its record is written later. Recoveries wait longer. Look at the load and the slow log of Redis, and at the network.',
    labels: {},
    fires: {
      description: 'a tenth takes longer than 0.1 s',
      series: [redis('0.05', 0.8), redis('0.1', 0.9), redis('0.5', 1), redis('+Inf', 1)],
      atMinutes: 15,
    },
    quiet: {
      description: 'all take less than 5 ms',
      series: [redis('0.005', 1), redis('0.05', 1), redis('+Inf', 1)],
      atMinutes: 15,
    },
  },
  {
    name: 'ConfigurationRejected',
    expr: 'sum by (type) (increase(holdfast_xds_answers_total{answer="nack"}[10m])) > 0',
    for: '0m',
    severity: 'warning',
    summary: 'A gateway refused {{ $labels.type }}',
    runbook:
      'An Envoy or a sidecar rejected an update. It keeps its earlier configuration. The control plane does not send the rejected content again. Its log names the node and the error. The usual reason is a configuration that needs a newer version of that node.',
    labels: { type: 'Cluster' },
    fires: {
      description: 'one NACK',
      series: [{ series: 'holdfast_xds_answers_total{type="Cluster",answer="nack"}', values: `0x8 ${steady(1)}` }],
      atMinutes: 5,
    },
    quiet: {
      description: 'ACKs',
      series: [
        { series: 'holdfast_xds_answers_total{type="Cluster",answer="ack"}', values: growing(1) },
        { series: 'holdfast_xds_answers_total{type="Cluster",answer="nack"}', values: steady(3) },
      ],
      atMinutes: 5,
    },
  },
  {
    name: 'ControlPlaneUnreachable',
    expr: '(envoy_control_plane_connected_state or holdfast_xds_connected) == 0',
    for: '2m',
    severity: 'warning',
    summary: '{{ $labels.node }} has no control plane',
    runbook:
      'This node keeps its last configuration. Sessions and recoveries work, but the node does not learn of new replicas. If NoControlPlane does not fire, look at this node’s network and at `--xds`.',
    labels: a,
    fires: {
      description: 'the stream is down',
      series: at('envoy_control_plane_connected_state', steady(0)),
      atMinutes: 4,
    },
    quiet: {
      description: 'it reconnected',
      series: at('holdfast_xds_connected', `1x8 0x3 ${steady(1)}`),
      atMinutes: 4,
    },
  },
  {
    name: 'PeersRefused',
    expr: 'sum by (job, entry, reason) (increase(holdfast_peers_refused_total[10m])) > 5',
    for: '0m',
    severity: 'warning',
    summary:
      '{{ $labels.job }} refused {{ printf "%.0f" $value }} connections to {{ $labels.entry }} in 10 minutes: {{ $labels.reason }}',
    runbook:
      'A host that is not a member of this mesh connects again and again, and is refused. The log of the process that refused it shows the host and the name that it gave. If it is one of your nodes, its certificate has the wrong name, mesh or authority: see `holdfast certs status` and control-plane/membership/README.md. `id_in_use` means that a node came back at another address, and ends by itself within 40 s. If it is a stranger, find out how it reaches these ports, and close them (NetworkPolicy, firewall).',
    labels: { job: 'holdfast-control-plane', entry: 'xds', reason: 'other_mesh' },
    fires: {
      description: 'a process of another mesh knocks every ten seconds',
      series: [
        {
          series:
            'holdfast_peers_refused_total{job="holdfast-control-plane",entry="xds",reason="other_mesh",node="cp-1"}',
          values: growing(0.1),
        },
      ],
      atMinutes: 15,
    },
    quiet: {
      description: 'two were refused, long ago',
      series: [
        {
          series: 'holdfast_peers_refused_total{job="holdfast-sidecar",entry="relay",reason="no_certificate",node="a"}',
          values: `0 0 1 2 ${steady(2)}`,
        },
      ],
      atMinutes: 5,
    },
  },
  {
    name: 'CertificateExpiresSoon',
    expr: '(envoy_server_days_until_first_cert_expiring < 4e9 or holdfast_certificate_days_left) < 21',
    for: '10m',
    severity: 'warning',
    summary: 'A certificate of {{ $labels.node }} ends in {{ $value }} days',
    runbook:
      'Replace the certificate and key files with new ones. They are read without a restart. `holdfast doctor` names the file. Envoys without a certificate report 4294967295 days, and this rule ignores them.',
    labels: certLabels,
    fires: { description: 'in 10 days', series: cert(10), atMinutes: 15 },
    quiet: { description: 'there is none', series: cert(4_294_967_295), atMinutes: 15 },
  },
  {
    name: 'CertificateExpired',
    expr: '(envoy_server_days_until_first_cert_expiring < 4e9 or holdfast_certificate_days_left) < 1',
    for: '0m',
    severity: 'critical',
    summary: 'A certificate of {{ $labels.node }} ends today or has ended',
    runbook: 'Clients refuse to connect from now on. Replace the certificate at once: see CertificateExpiresSoon.',
    labels: certLabels,
    fires: { description: 'it ended', series: cert(0), atMinutes: 1 },
    quiet: { description: 'in 10 days', series: cert(10), atMinutes: 1 },
  },
  {
    name: 'OutcomesDropped',
    expr: 'sum by (node) (increase(holdfast_outcomes_dropped_total[10m])) > 0 or sum by (node) (increase(envoy_access_logs_open_telemetry_access_log_logs_dropped[10m])) > 0',
    for: '0m',
    severity: 'warning',
    summary: '{{ $labels.node }} lost sight of {{ printf "%.0f" $value }} requests in 10 minutes',
    runbook:
      'The requests were served, but not counted. Metrics and breakers do not see them. Either the sidecar’s event loop is too busy (EventLoopSlow), or the sidecar was restarted. More `processes` share the load.',
    labels: { node: 'a' },
    fires: {
      description: 'the queue was full',
      series: [{ series: 'holdfast_outcomes_dropped_total{sink="bus",node="a"}', values: `0x8 ${steady(50)}` }],
      atMinutes: 5,
    },
    quiet: {
      description: 'nothing is lost',
      series: [{ series: 'envoy_access_logs_open_telemetry_access_log_logs_dropped{node="a"}', values: steady(0) }],
      atMinutes: 5,
    },
  },
];
