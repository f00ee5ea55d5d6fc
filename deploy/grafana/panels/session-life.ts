import { lines, now, orZero, quantile, rate, type Dashboard } from '../dashboard.ts';

const of = (metric: string, more = ''): string => `${metric}{server_id=~"$server"${more && `,${more}`}}`;

export const sessionLife: Dashboard = {
  uid: 'holdfast-sessions',
  title: 'Holdfast: session life',
  description: 'Sessions begin, move, end; none should be lost.',
  hasServerChoice: true,
  rows: [
    {
      title: 'Life',
      panels: [
        lines(
          'Sessions alive',
          'short',
          'As the gateways know them; a session that uses several gateways counts on each.',
          [`sum by (server_id) (${of('mcp_sessions_live')})`, '{{server_id}}'],
        ),
        lines('Sessions begun', 'reqps', 'By backend.', [
          rate('server_id, backend', of('mcp_sessions_created_total')),
          '{{server_id}} {{backend}}',
        ]),
        lines('Sessions ended', 'reqps', 'By clients (deleted) or by time (expired).', [
          orZero(rate('reason', of('mcp_sessions_ended_total'))),
          '{{reason}}',
        ]),
        {
          ...now('Sessions lost, last hour', 'short', 'Should be 0. Alerts: SessionLossBurns….', [
            orZero(`sum by (reason) (increase(${of('mcp_session_lost_total')}[1h]))`),
            '{{reason}}',
          ]),
          alarm: 1,
        },
      ],
    },
    {
      title: 'Recovery',
      panels: [
        lines('Recoveries', 'reqps', 'Sessions rebuilt on another replica, by reason and result.', [
          orZero(rate('reason, result', of('mcp_session_recoveries_total'))),
          '{{reason}}: {{result}}',
        ]),
        {
          ...lines(
            'Time until a session is back',
            's',
            'From noticing the loss, queueing included. Objective: p99 within 1 s.',
            [orZero(quantile(0.5, 'server_id', of('mcp_failover_duration_seconds_bucket'))), 'median {{server_id}}'],
            [orZero(quantile(0.99, 'server_id', of('mcp_failover_duration_seconds_bucket'))), 'p99 {{server_id}}'],
          ),
          alarm: 1,
        },
        lines(
          'Recoveries that wait',
          'short',
          'Alert: RecoveryQueue.',
          [orZero(`sum by (server_id) (${of('mcp_recovery_queue_depth')})`), 'waiting {{server_id}}'],
          [orZero(`sum by (server_id) (${of('mcp_recoveries_in_flight')})`), 'under way {{server_id}}'],
        ),
      ],
    },
    {
      title: 'Calls in flight',
      panels: [
        lines('Held by the relay', 'short', 'Calls and GET streams that the relay holds for clients.', [
          `sum by (kind) (${of('holdfast_relay_streams_open')})`,
          '{{kind}}',
        ]),
        lines('Sent again', 'reqps', 'sent: repeated on another replica. unsafe, budget: not repeated, and why.', [
          orZero(rate('result', of('holdfast_retries_total'))),
          '{{result}}',
        ]),
        now(
          'Ambiguous calls, last hour',
          'short',
          'Calls whose client was told that nobody knows whether they were carried out.',
          [orZero(`sum by (server_id) (increase(${of('mcp_calls_ambiguous_total')}[1h]))`), '{{server_id}}'],
        ),
      ],
    },
  ],
};
