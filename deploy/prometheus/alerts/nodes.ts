import { growing, steady, type Alert } from '../alert.ts';

const down = (job: string) => [{ series: `up{job="${job}",instance="a:1",node="a"}`, values: `1x8 ${steady(0)}` }];
const up = (job: string) => [{ series: `up{job="${job}",instance="a:1",node="a"}`, values: steady(1) }];
const instance = { instance: 'a:1', node: 'a' };

export const nodeAlerts: Alert[] = [
  {
    name: 'GatewayDown',
    expr: 'up{job="holdfast-gateway"} == 0',
    for: '30s',
    severity: 'critical',
    summary: 'Gateway {{ $labels.node }} does not answer',
    runbook:
      'The Envoy of this gateway node cannot be scraped: it is down, cut off, or has no configuration yet. Clients are served by the other nodes as long as one is up, and their sessions go on there. Look at the node’s Envoy log and at `holdfast doctor`; a node that has started but is not ready waits for its control plane. Restarting it loses nothing.',
    labels: { job: 'holdfast-gateway', ...instance },
    fires: { description: 'its Envoy is not there for 30 s', series: down('holdfast-gateway'), atMinutes: 4 },
    quiet: { description: 'it is there', series: up('holdfast-gateway'), atMinutes: 4 },
  },
  {
    name: 'SidecarDown',
    expr: 'up{job="holdfast-sidecar"} == 0',
    for: '30s',
    severity: 'critical',
    summary: 'Sidecar of {{ $labels.node }} does not answer',
    runbook:
      'Steady sessions of this node go on; new sessions and recoveries are taken over by the neighbours’ sidecars, one network hop further. Look at the sidecar’s log: it ends with the reason when it stopped by itself. Memory and event loop are on the fleet dashboard.',
    labels: { job: 'holdfast-sidecar', ...instance },
    fires: { description: 'its sidecar is not there for 30 s', series: down('holdfast-sidecar'), atMinutes: 4 },
    quiet: { description: 'it is there', series: up('holdfast-sidecar'), atMinutes: 4 },
  },
  {
    name: 'BalancerDown',
    expr: 'up{job="holdfast-edge"} == 0',
    for: '30s',
    severity: 'critical',
    summary: 'Balancer {{ $labels.node }} does not answer',
    runbook:
      'Clients that connect to this balancer fail; the standby serves those that come to it. Move the public address over when your platform does not do so by itself, then look at the balancer’s Envoy log.',
    labels: { job: 'holdfast-edge', ...instance },
    fires: { description: 'it is not there for 30 s', series: down('holdfast-edge'), atMinutes: 4 },
    quiet: { description: 'it is there', series: up('holdfast-edge'), atMinutes: 4 },
  },
  {
    name: 'ControlPlaneDown',
    expr: 'up{job="holdfast-control-plane"} == 0',
    for: '1m',
    severity: 'warning',
    summary: 'Control plane {{ $labels.instance }} does not answer',
    runbook:
      'Nothing changes for clients. Gateways go on with their last configuration, and another control plane takes over. Until it does, only gateways notice dead replicas, and rollouts, drains and new configuration wait. The log of the lost control plane ends with the reason.',
    labels: { job: 'holdfast-control-plane', ...instance },
    fires: { description: 'it is not there for a minute', series: down('holdfast-control-plane'), atMinutes: 4 },
    quiet: { description: 'it is there', series: up('holdfast-control-plane'), atMinutes: 4 },
  },
  {
    name: 'NoControlPlane',
    expr: 'sum(up{job="holdfast-control-plane"}) == 0',
    for: '2m',
    severity: 'critical',
    summary: 'No control plane answers',
    runbook:
      'Clients notice nothing yet, but the mesh no longer learns of new, restarted or drained replicas. Start a control plane: it needs its configuration file and Redis, and takes up where the last one left off.',
    labels: {},
    fires: { description: 'all are gone for two minutes', series: down('holdfast-control-plane'), atMinutes: 6 },
    quiet: {
      description: 'one of two is gone',
      series: [
        ...down('holdfast-control-plane'),
        { series: 'up{job="holdfast-control-plane",instance="b:1"}', values: steady(1) },
      ],
      atMinutes: 6,
    },
  },
  {
    name: 'NoLeader',
    expr: 'sum(holdfast_control_plane_leader) == 0',
    for: '1m',
    severity: 'warning',
    summary: 'No control plane holds the lease',
    runbook:
      'Rollouts and drains stand still, and no slots are allotted to restarted replicas. The lease is in Redis: see RedisDown first. When Redis is well, the control planes’ logs say why none takes it.',
    labels: {},
    fires: {
      description: 'nobody leads',
      series: [
        { series: 'holdfast_control_plane_leader{instance="a:1"}', values: steady(0) },
        { series: 'holdfast_control_plane_leader{instance="b:1"}', values: steady(0) },
      ],
      atMinutes: 3,
    },
    quiet: {
      description: 'one of two leads',
      series: [
        { series: 'holdfast_control_plane_leader{instance="a:1"}', values: steady(0) },
        { series: 'holdfast_control_plane_leader{instance="b:1"}', values: steady(1) },
      ],
      atMinutes: 3,
    },
  },
  {
    name: 'GatewayMissing',
    expr: 'max by (node) (holdfast_mesh_gateway) == 0',
    for: '1m',
    severity: 'warning',
    summary: 'Gateway {{ $labels.node }} of HA_CLUSTER_NODES is not in the mesh',
    runbook:
      'The node is named in `ha.clusterNodes`, but sends no heartbeat and has no xDS stream. Start it, or take its name out of the list. One node less means less room for the next failure.',
    labels: { node: 'gateway-3' },
    fires: {
      description: 'a named node is not there',
      series: [{ series: 'holdfast_mesh_gateway{node="gateway-3",draining="false"}', values: steady(0) }],
      atMinutes: 3,
    },
    quiet: {
      description: 'one control plane has not seen it yet, the other has',
      series: [
        { series: 'holdfast_mesh_gateway{node="gateway-3",draining="false",instance="a:1"}', values: steady(0) },
        { series: 'holdfast_mesh_gateway{node="gateway-3",draining="false",instance="b:1"}', values: steady(1) },
      ],
      atMinutes: 3,
    },
  },
  {
    name: 'InternalErrors',
    expr: 'increase(holdfast_internal_errors_total[10m]) > 0',
    for: '0m',
    severity: 'warning',
    summary: '{{ $labels.instance }} caught a failure of its own code at {{ $labels.where }}',
    runbook:
      'A guard at an entry of the process caught an exception: a bug of Holdfast, which cost at most one request. Look for "an internal error was contained" in the log of that instance; it says where, never what was sent. Report it with these lines. If it grows with the traffic of one server or client, that traffic triggers it.',
    labels: { ...instance, where: 'relay' },
    fires: {
      description: 'one kind grows',
      series: [{ series: 'holdfast_internal_errors_total{where="relay",instance="a:1",node="a"}', values: growing(1) }],
      atMinutes: 4,
    },
    quiet: {
      description: 'none is caught any more',
      series: [{ series: 'holdfast_internal_errors_total{where="relay",instance="a:1",node="a"}', values: steady(7) }],
      atMinutes: 14,
    },
  },
];
