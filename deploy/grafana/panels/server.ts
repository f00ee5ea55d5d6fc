import type { Dashboard } from '../dashboard.ts';
import { breakersNotClosed, sessionsLost, sessionsMoved } from './common-verdicts.ts';
import { lines, of, ofMesh, orZero, quantile, rate, spans, verdict } from '../panel.ts';

export const server: Dashboard = {
  uid: 'holdfast-server',
  title: 'Holdfast: server',
  description: 'What one server’s clients get, and whose doing it is.',
  rows: [
    {
      title: 'Is it well?',
      panels: [
        verdict(
          'Replicas that take sessions',
          'short',
          'Of all gateways the one that sees fewest. Alert: ServerUnhealthy.',
          orZero(`min(sum by (instance) (${of('mcp_server_replicas', 'state="active"')}))`),
          { alarm: 1, isGoodAbove: true },
        ),
        verdict(
          'Answered',
          'percentunit',
          'Requests of the last 5 minutes that the mesh did not fail. Objective: 99.9 %. Alerts: AvailabilityBurns….',
          `1 - max(${ofMesh('holdfast:availability:failed_ratio_5m')} or on() vector(0))`,
          { alarm: 0.999, isGoodAbove: true, decimals: 2 },
        ),
        verdict(
          'p99 now',
          's',
          'Of all requests except streams. Alert: SlowResponses.',
          `histogram_quantile(0.99, sum by (le) (rate(${of('mcp_request_duration_seconds_bucket', 'method!="GET"')}[$__rate_interval])))`,
          { alarm: 5, bad: 'orange' },
        ),
        sessionsLost('Should be 0. Alerts: SessionLossBurns….'),
        sessionsMoved(),
        breakersNotClosed(),
      ],
    },
    {
      title: 'Requests',
      panels: [
        lines(
          'Requests by outcome',
          'reqps',
          'What requests came to, read from JSON-RPC and not from the HTTP status.',
          [rate('outcome', of('mcp_requests_total')), '{{outcome}}'],
        ),
        lines('Requests by method', 'reqps', 'What clients ask for.', [
          rate('method', of('mcp_requests_total')),
          '{{method}}',
        ]),
        lines(
          'Errors by kind',
          'reqps',
          'tool_error and server_error: the server’s own. replica_fault, lost_session: its replicas’. client_fault: the clients’.',
          [orZero(rate('error_type', of('mcp_errors_total'))), '{{error_type}}'],
        ),
        lines('HTTP status', 'reqps', 'Official servers answer 200 to almost everything: compare with the outcomes.', [
          rate('status', of('mcp_request_duration_seconds_count')),
          '{{status}}',
        ]),
      ],
    },
    {
      title: 'Time',
      panels: [
        lines('p99 by method', 's', 'Streams are left out.', [
          quantile(0.99, 'method', of('mcp_request_duration_seconds_bucket', 'method!="GET"')),
          '{{method}}',
        ]),
        lines('Median by method', 's', 'Streams are left out.', [
          quantile(0.5, 'method', of('mcp_request_duration_seconds_bucket', 'method!="GET"')),
          '{{method}}',
        ]),
        lines('Relay: time before a request is sent on, p99', 's', 'What the relay adds.', [
          quantile(0.99, 'server_id', of('holdfast_relay_overhead_seconds_bucket')),
          '{{server_id}}',
        ]),
      ],
    },
    {
      title: 'Tools',
      panels: [
        lines('Calls by tool', 'reqps', 'Tools that the server does not list are `other`.', [
          rate('tool', of('mcp_tool_calls_total')),
          '{{tool}}',
        ]),
        lines('Calls that did not succeed, by tool', 'reqps', 'By what they came to.', [
          orZero(rate('tool, outcome', of('mcp_tool_calls_total', 'outcome!="success"'))),
          '{{tool}} {{outcome}}',
        ]),
        lines('p99 by tool', 's', 'The slow ones.', [
          quantile(0.99, 'tool', of('mcp_tool_duration_seconds_bucket')),
          '{{tool}}',
        ]),
      ],
    },
    {
      title: 'Replicas and breakers',
      panels: [
        lines('Replicas by state', 'short', 'As this server’s gateways see them.', [
          `max by (backend, state) (sum by (instance, backend, state) (${of('mcp_server_replicas')}))`,
          '{{backend}} {{state}}',
        ]),
        spans('Breakers that are not closed', 'Level, slot or tool, and state. Alert: BreakerOpen.', [
          orZero(`max by (level, key, state) (${of('mcp_breaker_not_closed')})`),
          '{{level}} {{key}} {{state}}',
        ]),
        lines(
          'Breakers’ changes',
          'reqps',
          'local: decided here. fleet: taken over from another gateway. operator: ordered.',
          [orZero(rate('to, cause', of('mcp_breaker_transitions_total'))), '{{to}} ({{cause}})'],
        ),
        lines(
          'Turned away by a breaker',
          'reqps',
          'Of level replica most go on to another replica; of level tool they are refused with 503.',
          [orZero(rate('level', of('mcp_breaker_rejected_total'))), '{{level}}'],
        ),
      ],
    },
  ],
};
