import { steady, type Alert } from '../alert.ts';

const phase = (name: string, held: boolean, values: string) => [
  { series: `holdfast_rollout_phase{server_id="linear",phase="${name}",held="${held}"}`, values },
];
const sidecar = (metric: string, values: string) => [
  { series: `${metric}{job="holdfast-sidecar",instance="a:1",node="a"}`, values },
];
const labels = { job: 'holdfast-sidecar', instance: 'a:1', node: 'a' };

export const operationAlerts: Alert[] = [
  {
    name: 'RolloutRolledBack',
    expr: 'max by (server_id) (holdfast_rollout_phase{phase="rolled-back"}) == 1',
    for: '0m',
    severity: 'warning',
    summary: 'The rollout of {{ $labels.server_id }} was rolled back',
    runbook:
      'All new sessions go to the old backend again. `holdfast rollout status` names the objective that failed, with the figures of both backends. The alert ends with the next rollout, or with `holdfast rollout clear`.',
    labels: { server_id: 'linear' },
    fires: { description: 'it was rolled back', series: phase('rolled-back', false, steady(1)), atMinutes: 1 },
    quiet: { description: 'it was promoted', series: phase('promoted', false, steady(1)), atMinutes: 1 },
  },
  {
    name: 'RolloutHeld',
    expr: 'max by (server_id, phase) (holdfast_rollout_phase{held="true"}) == 1',
    for: '15m',
    severity: 'warning',
    summary: 'The rollout of {{ $labels.server_id }} has been held for 15 minutes',
    runbook:
      'The rollout waits for an approval of changes in tools/list, for the end of a pause, or for better figures. `holdfast rollout status` says which.',
    labels: { server_id: 'linear', phase: 'preflight' },
    fires: { description: 'nobody approves the contract', series: phase('preflight', true, steady(1)), atMinutes: 20 },
    quiet: { description: 'it goes its steps', series: phase('step', false, steady(1)), atMinutes: 20 },
  },
  {
    name: 'EventLoopSlow',
    expr: 'nodejs_eventloop_lag_p99_seconds{job="holdfast-sidecar"} > 0.2',
    for: '5m',
    severity: 'warning',
    summary: 'The sidecar of {{ $labels.node }} is busy: p99 of its event loop’s delay is {{ printf "%.2f" $value }} s',
    runbook:
      'A sidecar process has one event loop, and this one is overloaded. Run several processes per node (`processes`). If a server has very large bodies, take it off the relay (`guard: []`).',
    labels,
    fires: {
      description: 'half a second',
      series: sidecar('nodejs_eventloop_lag_p99_seconds', steady(0.5)),
      atMinutes: 8,
    },
    quiet: { description: '12 ms', series: sidecar('nodejs_eventloop_lag_p99_seconds', steady(0.012)), atMinutes: 8 },
  },
  {
    name: 'DoctorFindsBad',
    expr: 'max by (check) (holdfast_doctor_findings{severity="bad"}) > 0',
    for: '10m',
    severity: 'warning',
    summary: 'The monitoring checklist finds {{ $value }} bad under {{ $labels.check }}',
    runbook:
      '`holdfast doctor` says what is wrong and what to do. With `--watch` it shows when the problem is over. Other alerts may fire for the same cause. This alert covers findings without an alert of their own.',
    labels: { check: 'configuration' },
    fires: {
      description: 'the file is bad for a quarter of an hour',
      series: [{ series: 'holdfast_doctor_findings{check="configuration",severity="bad"}', values: steady(1) }],
      atMinutes: 15,
    },
    quiet: {
      description: 'there are only warnings',
      series: [
        { series: 'holdfast_doctor_findings{check="configuration",severity="bad"}', values: steady(0) },
        { series: 'holdfast_doctor_findings{check="gateways",severity="warning"}', values: steady(1) },
      ],
      atMinutes: 15,
    },
  },
  {
    name: 'SpansDropped',
    expr: 'sum by (node) (increase(holdfast_spans_dropped_total[10m])) > 0',
    for: '10m',
    severity: 'warning',
    summary: 'Spans of {{ $labels.node }} do not reach the collector',
    runbook:
      'No call is affected. `export`: the collector of `tracing.endpoint` is down, slow, or rejects spans, and the sidecar’s log shows its answer. `queue`: more spans are sampled than the collector takes. Lower `tracing.sampling.ratio`, or leave `followClients` off.',
    labels: { node: 'a' },
    fires: {
      description: 'the collector is down',
      series: [{ series: 'holdfast_spans_dropped_total{reason="export",node="a"}', values: `0+10x240` }],
      atMinutes: 25,
    },
    quiet: {
      description: 'every batch is taken',
      series: [{ series: 'holdfast_spans_dropped_total{reason="export",node="a"}', values: steady(0) }],
      atMinutes: 25,
    },
  },
  {
    name: 'MemoryHigh',
    expr: 'process_resident_memory_bytes{job=~"holdfast-sidecar|holdfast-control-plane"} > 400 * 1024 * 1024',
    for: '10m',
    severity: 'warning',
    summary: '{{ $labels.job }} of {{ $labels.node }} takes {{ $value | humanize1024 }}B',
    runbook:
      'A sidecar bounds all that it keeps, and 50,000 sessions fit into 200 MB. More memory means many open streams with slow readers, or a leak. Look at `holdfast_relay_streams_open` and `holdfast_outcomes_queued` in `/metrics`, then take a heap snapshot. A restart of a sidecar loses no session.',
    labels,
    fires: { description: '500 MB', series: sidecar('process_resident_memory_bytes', steady(5e8)), atMinutes: 15 },
    quiet: { description: '120 MB', series: sidecar('process_resident_memory_bytes', steady(1.2e8)), atMinutes: 15 },
  },
];
