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
      'Prometheus cannot scrape the Envoy of this gateway node. The node is down, cut off from the network, or still waits for its configuration. Clients are served by the other nodes, and their sessions go on there. Look at the node’s Envoy log and at `holdfast doctor`. A restart of the node loses no session.',
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
      'Requests that need no decision go on at this node. For new sessions and recoveries, its Envoy asks the sidecars of the neighbours, one network hop further away. Look at the last lines of the sidecar’s log, which give the reason when it stopped by itself. Memory and event loop are on the fleet dashboard.',
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
      'Clients that connect to this balancer get no answer. Clients of the standby are served. Move the public address to the standby if your platform does not do that by itself. Then look at the balancer’s Envoy log.',
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
      'Clients notice nothing. Gateways keep their last configuration, and another control plane takes over. Until then, rollouts, drains and changes of the configuration wait, and only gateways notice dead replicas. The last lines of the lost control plane’s log give the reason.',
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
      'Clients notice nothing yet. The mesh does not learn of new, restarted or drained replicas any more. Start a control plane with its configuration file and its Redis. It continues where the last one stopped.',
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
      'Rollouts and drains stand still, and restarted replicas get no slots. The lease of the leader is in Redis, so look at RedisDown first. If Redis is well, the logs of the control planes say why none of them takes the lease.',
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
      '`ha.clusterNodes` names this node, but it sends no heartbeat and has no xDS stream. Start the node, or remove it from the list. Until then the mesh has less capacity for the next failure.',
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
      'Holdfast’s own code threw an exception, and a guard caught it. This is a bug of Holdfast. It cost at most one request. Look for “an internal error was contained” in the log of that instance: the line says where it happened, and never what was sent. Report it with these lines. If the number grows with the traffic of one server or client, that traffic is the cause.',
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
