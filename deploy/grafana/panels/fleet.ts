import type { Dashboard } from '../dashboard.ts';
import { at, lines, linesUpTo, of, orZero, quantile, rate, states, tableBy, verdict } from '../panel.ts';
import { breakersNotClosed, sessionsLost } from './common-verdicts.ts';
import { fleetResources } from './fleet-resources.ts';

const toServer = {
  title: 'The server’s dashboard',
  url: '/d/holdfast-server?var-server=${__value.raw}&${datasource:queryparam}',
};
/** Grafana's own page of the rule, where its runbook stands. */
const toAlert = { title: 'Runbook', url: '/alerting/list?search=rule:${__value.raw}' };
const firing = (severity: string): string => `count(ALERTS{alertstate="firing",severity="${severity}"})`;

/** The whole mesh: a verdict, then a row for each point of the monitoring checklist. */
export const fleet: Dashboard = {
  uid: 'holdfast-fleet',
  title: 'Holdfast: fleet',
  description: 'Is the mesh well? The first row says it; then comes a row for each point of the monitoring checklist.',
  rows: [
    {
      title: 'Is it well?',
      panels: [
        verdict('Critical alerts', 'short', 'Alerts that fire and can’t wait.', orZero(firing('critical')), {
          alarm: 1,
        }),
        verdict('Warnings', 'short', 'Alerts that fire and can wait.', orZero(firing('warning')), {
          alarm: 1,
          bad: 'orange',
        }),
        verdict(
          'Gateways down',
          'short',
          'Nodes whose Envoy or sidecar does not answer. Alerts: GatewayDown, SidecarDown.',
          orZero('count(min by (node) (up{job=~"holdfast-gateway|holdfast-sidecar",node=~"$gateway"}) == 0)'),
          { alarm: 1 },
        ),
        verdict(
          'Servers down',
          'short',
          'Servers without any replica that takes new sessions. Alert: ServerUnhealthy.',
          orZero(`count(min by (server_id) (${of('mcp_server_health')}) == 0)`),
          { alarm: 1 },
        ),
        verdict(
          'Replicas not healthy',
          'short',
          'As the control plane sees them. Alert: ReplicaUnhealthy.',
          orZero(
            'sum(max by (server_id, backend) (sum by (instance, server_id, backend) (holdfast_mesh_replicas{server_id=~"$server",state="unhealthy"})))',
          ),
          { alarm: 1, bad: 'orange' },
        ),
        breakersNotClosed(),
        verdict(
          'Answered',
          'percentunit',
          'Requests of the last 5 minutes that the mesh did not fail. Objective: 99.9 %. Alerts: AvailabilityBurns….',
          '1 - max(holdfast:availability:failed_ratio_5m{server_id=~"$server"} or on() vector(0))',
          { alarm: 0.999, isGoodAbove: true, decimals: 2 },
        ),
        sessionsLost('Sessions that a client lost although it had not ended them. Alerts: SessionLossBurns….'),
      ],
    },
    {
      title: 'Now',
      panels: [
        tableBy(
          'Servers at a glance',
          'One line for each server; its name leads to its dashboard.',
          ['server_id'],
          [
            {
              name: 'takes sessions',
              expr: `min by (server_id) (${of('mcp_server_health')})`,
              unit: 'short',
              limit: { alarm: 1, isGoodAbove: true },
              words: { 0: 'no', 1: 'yes' },
            },
            { name: 'requests', expr: rate('server_id', of('mcp_requests_total')), unit: 'reqps' },
            {
              name: 'failed',
              expr: 'max by (server_id) (holdfast:availability:failed_ratio_5m{server_id=~"$server"})',
              unit: 'percentunit',
              limit: { alarm: 0.001 },
            },
            {
              name: 'p99',
              expr: quantile(0.99, 'server_id', of('mcp_request_duration_seconds_bucket', 'method!="GET"')),
              unit: 's',
              limit: { alarm: 5, bad: 'orange' },
            },
            { name: 'sessions', expr: `sum by (server_id) (${of('mcp_sessions_live')})`, unit: 'short' },
          ],
          toServer,
        ),
        tableBy(
          'Alerts that fire',
          'The name leads to the rule with its runbook; none is shown as “none”.',
          ['alertname', 'severity', 'server_id', 'node'],
          [
            {
              name: 'firing',
              expr: orZero('max by (alertname, severity, server_id, node) (ALERTS{alertstate="firing"})'),
              unit: 'short',
              words: { 0: 'none', 1: 'now' },
            },
          ],
          toAlert,
        ),
      ],
    },
    {
      title: 'Gateways',
      panels: [
        states(
          'Envoy and sidecar of each node',
          'Do they answer? Alerts: GatewayDown, SidecarDown.',
          ['max by (node) (up{job="holdfast-gateway",node=~"$gateway"})', '{{node}} envoy'],
          ['min by (node) (up{job="holdfast-sidecar",node=~"$gateway"})', '{{node}} sidecar'],
        ),
        states('Members', 'Nodes that are in the mesh, or should be (HA_CLUSTER_NODES). Alert: GatewayMissing.', [
          'max by (node) (holdfast_mesh_gateway)',
          '{{node}}',
        ]),
        lines(
          'Requests by routing mode',
          'reqps',
          'steady: Envoy alone. decide: the sidecar was asked. relay: the sidecar carried it. modern: 2026-07-28.',
          [rate('mode', of('holdfast_requests_by_mode_total')), '{{mode}}'],
        ),
      ],
    },
    {
      title: 'Balancers',
      panels: [
        states('Balancers', 'Edge Envoys answer; empty when another balancer is used. Alert: BalancerDown.', [
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
        states('Redis reached by', 'Each gateway’s connection. Alerts: RedisDown, RedisUnreachable.', [
          `min by (node) (${at('holdfast_redis_up')})`,
          '{{node}}',
        ]),
        lines('Redis commands, p99', 's', 'Above 50 ms new sessions are written behind. Alert: RedisSlow.', [
          orZero(quantile(0.99, 'command', at('holdfast_redis_duration_seconds_bucket'))),
          '{{command}}',
        ]),
        lines('Redis errors', 'reqps', 'Commands that failed or timed out.', [
          orZero(rate('kind', at('holdfast_redis_errors_total'))),
          '{{kind}}',
        ]),
      ],
    },
    {
      title: 'Servers',
      panels: [
        states('Servers', 'Some replica takes new sessions, on every gateway. Alert: ServerUnhealthy.', [
          `min by (server_id) (${of('mcp_server_health')})`,
          '{{server_id}}',
        ]),
        lines('Replicas by state', 'short', 'What the control plane says of them. Alert: ReplicaUnhealthy.', [
          'max by (server_id, state) (sum by (instance, server_id, state) (holdfast_mesh_replicas{server_id=~"$server"}))',
          '{{server_id}} {{state}}',
        ]),
        lines('Breakers by state', 'short', 'Replicas and tools that are not let through. Alert: BreakerOpen.', [
          orZero(`count by (state) (max by (server_id, level, key, state) (${of('mcp_breaker_not_closed')}))`),
          '{{state}}',
        ]),
      ],
    },
    {
      title: 'Certificates',
      panels: [
        lines(
          'Days until certificates end',
          'd',
          'The first to end of each Envoy and sidecar; 3650: it has none. Alerts: CertificateExpiresSoon, CertificateExpired.',
          ['clamp_max(min by (job, node) (envoy_server_days_until_first_cert_expiring), 3650)', '{{node}} {{job}}'],
        ),
      ],
    },
    {
      title: 'Response time',
      panels: [
        linesUpTo(5, 'Response time, p99', 's', 'All requests except streams. Alert: SlowResponses (tool calls).', [
          quantile(0.99, 'server_id', of('mcp_request_duration_seconds_bucket', 'method!="GET"')),
          '{{server_id}}',
        ]),
        lines('Response time, median', 's', 'The ordinary request.', [
          quantile(0.5, 'server_id', of('mcp_request_duration_seconds_bucket', 'method!="GET"')),
          '{{server_id}}',
        ]),
        lines(
          'What the mesh adds, p99',
          's',
          'Time in ext_proc and before the relay sends a request on.',
          [quantile(0.99, 'message', at('holdfast_ext_proc_duration_seconds_bucket')), 'ext_proc {{message}}'],
          [quantile(0.99, 'server_id', of('holdfast_relay_overhead_seconds_bucket')), 'relay {{server_id}}'],
        ),
      ],
    },
    {
      title: 'Errors',
      panels: [
        linesUpTo(0.1, 'Errors', 'reqps', 'By kind. Alert: HighErrorRate.', [
          orZero(rate('error_type', of('mcp_errors_total'))),
          '{{error_type}}',
        ]),
        linesUpTo(
          0.001,
          'Requests that the mesh failed',
          'percentunit',
          'Replica faults, overload and lost sessions; a thousandth is allowed. Alerts: AvailabilityBurns….',
          [orZero('holdfast:availability:failed_ratio_5m{server_id=~"$server"}'), '{{server_id}}'],
        ),
        linesUpTo(0.001, 'Sessions lost', 'percentunit', 'Of those that began or moved. Alerts: SessionLossBurns….', [
          orZero('holdfast:sessions:lost_ratio_5m{server_id=~"$server"}'),
          '{{server_id}}',
        ]),
      ],
    },
    ...fleetResources,
  ],
};
