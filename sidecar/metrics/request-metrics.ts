import { Counter, Histogram, type Registry } from 'prom-client';
import type { Outcome, OutcomeKind } from '../../proto/outcome.ts';
import { REQUEST_SECONDS } from './buckets.ts';
import { methodLabel } from './method-label.ts';
import type { ToolLabels } from './tool-labels.ts';

/** Not errors: what went well, what the client gave up, and what nobody read. */
const NO_ERROR: ReadonlySet<OutcomeKind> = new Set(['success', 'cancelled', 'unread']);

/** What alerts and rollouts go by. */
const BEGUN_METHODS = ['tools/call', 'initialize'];
const BEGUN_OUTCOMES: readonly OutcomeKind[] = ['success', 'tool_error', 'server_error', 'replica_fault', 'overload', 'lost_session'];
const NO_EXEMPLAR = {};

/** Requests by what they came to: R9's first two, totals by outcome, tools and backends. */
export function requestMetrics(registry: Registry, tools: ToolLabels) {
  const registers = [registry];
  const duration = new Histogram({
    name: 'mcp_request_duration_seconds', help: 'Time from the first byte of a request to the last byte of its answer.',
    labelNames: ['method', 'server_id', 'status'], buckets: REQUEST_SECONDS, enableExemplars: true, registers,
  });
  const errors = new Counter({
    name: 'mcp_errors_total', help: 'Requests that came to something other than success, by kind of error.',
    labelNames: ['method', 'server_id', 'error_type'], registers,
  });
  const requests = new Counter({
    name: 'mcp_requests_total', help: 'Requests by outcome.',
    labelNames: ['server_id', 'backend', 'method', 'outcome'], registers,
  });
  const ways = new Counter({
    name: 'holdfast_requests_by_way_total', help: 'Requests by the way they took through the mesh and who reported them.',
    labelNames: ['server_id', 'way', 'source'], registers,
  });
  const toolCalls = new Counter({
    name: 'mcp_tool_calls_total', help: 'Tool calls by outcome; tools that the server does not list count as `other`.',
    labelNames: ['server_id', 'tool', 'outcome'], registers,
  });
  const toolDuration = new Histogram({
    name: 'mcp_tool_duration_seconds', help: 'Duration of tool calls.',
    labelNames: ['server_id', 'tool'], buckets: REQUEST_SECONDS, enableExemplars: true, registers,
  });
  const backendDuration = new Histogram({
    name: 'mcp_backend_duration_seconds', help: 'Duration of requests (streams left out) by backend: what a rollout is judged by.',
    labelNames: ['server_id', 'backend'], buckets: REQUEST_SECONDS, registers,
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
      const server_id = outcome.server;
      const method = methodLabel(outcome.method);
      const backend = outcome.backend ?? 'none';
      const seconds = Math.max(0, outcome.durationMs) / 1000;
      const exemplarLabels = outcome.traceId === null ? NO_EXEMPLAR : { trace_id: outcome.traceId };
      requests.inc({ server_id, backend, method, outcome: outcome.kind });
      ways.inc({ server_id, way: outcome.way, source: outcome.source });
      duration.observe({ labels: { method, server_id, status: String(outcome.status) }, value: seconds, exemplarLabels });
      if (!NO_ERROR.has(outcome.kind)) errors.inc({ method, server_id, error_type: outcome.kind });
      if (method !== 'GET' && outcome.backend !== null) backendDuration.observe({ server_id, backend }, seconds);
      if (outcome.tool === null) return;
      const tool = tools.label(server_id, outcome.tool, outcome.kind === 'success');
      toolCalls.inc({ server_id, tool, outcome: outcome.kind });
      toolDuration.observe({ labels: { server_id, tool }, value: seconds, exemplarLabels });
    },
  };
}
