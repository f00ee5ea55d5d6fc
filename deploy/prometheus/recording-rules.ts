import { FAILED, JUDGED, SESSION_CHANCES } from '../../proto/objectives.ts';

const failed = (window: string): string => `sum by (server_id) (rate(mcp_requests_total{${FAILED}}[${window}]))`;
/** Calls that are refused because a tool fails on every replica: the tool's failure, not the mesh's. */
const refusedByTool = (window: string): string =>
  `sum by (server_id) (rate(mcp_breaker_rejected_total{level="tool"}[${window}]))`;

const WINDOWS = ['5m', '30m', '1h', '6h'] as const;

export const recordingRules: { record: string; expr: string }[] = [
  { record: 'holdfast:requests:rate5m', expr: 'sum by (server_id, outcome) (rate(mcp_requests_total[5m]))' },
  {
    record: 'holdfast:request_duration_seconds:p99_5m',
    expr: 'histogram_quantile(0.99, sum by (server_id, method, le) (rate(mcp_request_duration_seconds_bucket{method!="GET"}[5m])))',
  },
  {
    record: 'holdfast:failover_duration_seconds:p99_15m',
    expr: 'histogram_quantile(0.99, sum by (server_id, le) (rate(mcp_failover_duration_seconds_bucket[15m])))',
  },
  ...WINDOWS.flatMap((window) => [
    {
      record: `holdfast:availability:failed_ratio_${window}`,
      expr: `clamp_min(${failed(window)} - (${refusedByTool(window)} or 0 * ${failed(window)}), 0) / sum by (server_id) (rate(mcp_requests_total{${JUDGED}}[${window}]))`,
    },
    {
      record: `holdfast:sessions:lost_ratio_${window}`,
      expr: `sum by (server_id) (rate(mcp_session_lost_total[${window}])) / sum by (server_id) (rate(${SESSION_CHANCES}[${window}]))`,
    },
  ]),
];
