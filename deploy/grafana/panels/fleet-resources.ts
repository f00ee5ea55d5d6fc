import type { Row } from '../dashboard.ts';
import { at, lines, linesUpTo, orZero, rate, states } from '../panel.ts';

/** What processes take, and what the control plane does: the last rows of the fleet. */
export const fleetResources: Row[] = [
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
      ),
      linesUpTo(0.2, 'Event loop’s delay, p99', 's', 'Alert: EventLoopSlow.', [
        `max by (node) (${at('nodejs_eventloop_lag_p99_seconds', 'job="holdfast-sidecar"')})`,
        '{{node}}',
      ]),
      lines(
        'Outcomes and spans nobody saw',
        'reqps',
        'Access log entries, outcomes and spans that were dropped; should be 0. Alerts: OutcomesDropped, SpansDropped.',
        [orZero(rate('sink', at('holdfast_outcomes_dropped_total'))), '{{sink}}'],
        [rate('node', at('envoy_access_logs_open_telemetry_access_log_logs_dropped')), '{{node}} envoy'],
        [rate('reason', at('holdfast_spans_dropped_total')), 'spans: {{reason}}'],
      ),
    ],
  },
  {
    title: 'Control plane',
    panels: [
      states('Leader', 'Who holds the lease. Alert: NoLeader.', [
        'max by (node) (holdfast_control_plane_leader)',
        '{{node}}',
      ]),
      states(
        'Connected to a control plane',
        'Each Envoy and sidecar. Alert: ControlPlaneUnreachable.',
        [`min by (node) (${at('envoy_control_plane_connected_state')})`, '{{node}} envoy'],
        [`min by (node) (${at('holdfast_xds_connected')})`, '{{node}} sidecar'],
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
];
