import { Counter, type Registry } from 'prom-client';
import type { Outcome, OutcomeKind } from '../../proto/outcome.ts';
import { OPERATION_SECONDS, REQUEST_SECONDS } from './buckets.ts';
import { Histogram, type Observed } from './histogram.ts';
import { methodLabel } from './method-label.ts';
import type { ToolLabels } from './tool-labels.ts';

/** Not errors: what went well, what the client gave up, and what nobody read. */
const NO_ERROR: ReadonlySet<OutcomeKind> = new Set(['success', 'cancelled', 'unread']);

/** HTTP verbs that carry no message of MCP. */
const NO_OPERATION: ReadonlySet<string> = new Set(['GET', 'DELETE', 'other', 'response', 'batch']);

/** What alerts and rollouts go by. */
const BEGUN_METHODS = ['tools/call', 'initialize'];
const BEGUN_OUTCOMES: readonly OutcomeKind[] = [
  'success',
  'tool_error',
  'server_error',
  'replica_fault',
  'overload',
  'lost_session',
];

/** Requests that are alike in every label, counted together until the next scrape: one look-up per request instead of one per metric. */
interface Tally {
  count: number;
  isError: boolean;
  requests: { server_id: string; backend: string; method: string; outcome: OutcomeKind };
  mode: { server_id: string; mode: string; source: string };
  errors: { method: string; server_id: string; error_type: OutcomeKind };
  toolCalls: { server_id: string; tool: string; outcome: OutcomeKind } | null;
  duration: Observed;
  backendDuration: Observed | null;
  toolDuration: Observed | null;
  operation: Observed | null;
}

/** Requests by what they came to: duration and errors, totals by outcome, tools and backends. */
export function requestMetrics(registry: Registry, tools: ToolLabels) {
  const registers = [registry],
    tallies = new Map<string, Tally>();
  const collect = (): void => {
    for (const tally of tallies.values()) {
      if (tally.count === 0) continue;
      requests.inc(tally.requests, tally.count);
      modes.inc(tally.mode, tally.count);
      const { server_id, mode: way, source } = tally.mode;
      ways.inc({ server_id, way, source }, tally.count);
      if (tally.isError) errors.inc(tally.errors, tally.count);
      if (tally.toolCalls) toolCalls.inc(tally.toolCalls, tally.count);
      tally.count = 0;
    }
  };
  const duration = new Histogram({
    name: 'mcp_request_duration_seconds',
    help: 'Time from the first byte of a request to the last byte of its answer.',
    labelNames: ['method', 'server_id', 'status'],
    buckets: REQUEST_SECONDS,
    registry,
  });
  const errors = new Counter({
    name: 'mcp_errors_total',
    help: 'Requests that came to something other than success, by kind of error.',
    labelNames: ['method', 'server_id', 'error_type'],
    registers,
    collect,
  });
  const requests = new Counter({
    name: 'mcp_requests_total',
    help: 'Requests by outcome.',
    labelNames: ['server_id', 'backend', 'method', 'outcome'],
    registers,
    collect,
  });
  const modes = new Counter({
    name: 'holdfast_requests_by_mode_total',
    help: 'Requests by routing mode and who reported them.',
    labelNames: ['server_id', 'mode', 'source'],
    registers,
    collect,
  });
  const ways = new Counter({
    name: 'holdfast_requests_by_way_total',
    help: 'The former name of holdfast_requests_by_mode_total; it goes with the next version.',
    labelNames: ['server_id', 'way', 'source'],
    registers,
    collect,
  });
  const toolCalls = new Counter({
    name: 'mcp_tool_calls_total',
    help: 'Tool calls by outcome; tools that the server does not list count as `other`.',
    labelNames: ['server_id', 'tool', 'outcome'],
    registers,
    collect,
  });
  const toolDuration = new Histogram({
    name: 'mcp_tool_duration_seconds',
    help: 'Duration of tool calls.',
    labelNames: ['server_id', 'tool'],
    buckets: REQUEST_SECONDS,
    registry,
  });
  const operation = new Histogram({
    name: 'mcp_server_operation_duration_seconds',
    help: 'Duration of MCP requests and notifications (OpenTelemetry’s mcp.server.operation.duration).',
    labelNames: ['server_id', 'mcp_method_name', 'gen_ai_tool_name', 'error_type', 'network_transport'],
    buckets: OPERATION_SECONDS,
    registry,
  });
  const backendDuration = new Histogram({
    name: 'mcp_backend_duration_seconds',
    help: 'Duration of requests (streams left out) by backend: what a rollout is judged by.',
    labelNames: ['server_id', 'backend'],
    buckets: REQUEST_SECONDS,
    registry,
  });

  const newTally = (
    { server: server_id, backend, kind: outcome, status, mode, source }: Outcome,
    method: string,
    tool: string | null,
  ): Tally => ({
    count: 0,
    isError: !NO_ERROR.has(outcome),
    requests: { server_id, backend: backend ?? 'none', method, outcome },
    mode: { server_id, mode, source },
    errors: { method, server_id, error_type: outcome },
    toolCalls: tool === null ? null : { server_id, tool, outcome },
    duration: duration.at(method, server_id, String(status)),
    backendDuration: method !== 'GET' && backend !== null ? backendDuration.at(server_id, backend) : null,
    toolDuration: tool === null ? null : toolDuration.at(server_id, tool),
    operation: NO_OPERATION.has(method)
      ? null
      : operation.at(server_id, method, tool ?? '', NO_ERROR.has(outcome) ? '' : outcome, 'tcp'),
  });

  return {
    /** Begins this server's counters at 0. */
    begin(server_id: string, backends: Iterable<string>): void {
      for (const method of BEGUN_METHODS) {
        for (const outcome of BEGUN_OUTCOMES) {
          if (!NO_ERROR.has(outcome)) errors.inc({ method, server_id, error_type: outcome }, 0);
          for (const backend of [...backends, 'none']) requests.inc({ server_id, backend, method, outcome }, 0);
        }
      }
    },
    /** Counts one request. A sink of the OutcomeBus. */
    outcome(outcome: Outcome): void {
      const tool = outcome.tool === null ? null : tools.label(outcome.server, outcome.tool);
      const method = methodLabel(outcome.method);
      const key = `${outcome.server}\n${outcome.backend}\n${method}\n${outcome.kind}\n${outcome.status}\n${outcome.mode}\n${outcome.source}\n${tool}`;
      const tally = tallies.get(key) ?? newTally(outcome, method, tool);
      if (tally.count === 0) tallies.set(key, tally);
      tally.count++;
      const seconds = Math.max(0, outcome.durationMs) / 1000;
      tally.duration.observe(seconds, outcome.traceId);
      tally.backendDuration?.observe(seconds);
      tally.toolDuration?.observe(seconds, outcome.traceId);
      tally.operation?.observe(seconds, outcome.traceId);
    },
  };
}
