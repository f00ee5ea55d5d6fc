import { collectDefaultMetrics, Gauge, Registry, type OpenMetricsContentType } from 'prom-client';
import { breakerMetrics } from './breaker-metrics.ts';
import { Exposer, type Exposition } from './exposition.ts';
import { limitMetrics } from './limit-metrics.ts';
import { linkMetrics } from './link-metrics.ts';
import { pathMetrics } from './path-metrics.ts';
import { requestMetrics } from './request-metrics.ts';
import { sessionMetrics } from './session-metrics.ts';
import { ToolLabels } from './tool-labels.ts';
import { tracingMetrics } from './tracing-metrics.ts';

/** Everything that a sidecar counts, as small typed functions. Metric names and labels: README.md of this folder. */
export interface Metrics {
  requests: ReturnType<typeof requestMetrics>;
  sessions: ReturnType<typeof sessionMetrics>;
  breakers: ReturnType<typeof breakerMetrics>;
  path: ReturnType<typeof pathMetrics>;
  limits: ReturnType<typeof limitMetrics>;
  links: ReturnType<typeof linkMetrics>;
  tracing: ReturnType<typeof tracingMetrics>;
  /** The tools that each server lists: only those become labels, and have breakers. */
  tools: ToolLabels;
  registry: Registry;
  /** Answers GET /metrics in the format that the Accept header asks for. */
  render(accept: string | undefined): Promise<Exposition>;
}

export interface MetricsOptions {
  version: string;
  nodeId: string;
  /** CPU, memory, event loop and file descriptors of the process; off in unit tests, where timers would outlive them. */
  isProcessMeasured?: boolean;
}

export function createMetrics({ version, nodeId, isProcessMeasured = true }: MetricsOptions): Metrics {
  // Exemplars need a registry whose first format is OpenMetrics; Exposer sets the format of each rendering.
  const openMetrics = new Registry<OpenMetricsContentType>();
  openMetrics.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const registry = openMetrics as unknown as Registry;
  const tools = new ToolLabels();
  if (isProcessMeasured) collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'holdfast_build_info',
    help: '1, with what runs here.',
    labelNames: ['version', 'node', 'node_version', 'role'],
    registers: [registry],
  }).set({ version, node: nodeId, node_version: process.version, role: 'sidecar' }, 1);
  const exposer = new Exposer(openMetrics);
  const requests = requestMetrics(registry, tools),
    sessions = sessionMetrics(registry),
    breakers = breakerMetrics(registry),
    limits = limitMetrics(registry);
  return {
    requests,
    sessions,
    breakers,
    path: pathMetrics(registry),
    limits,
    tracing: tracingMetrics(registry),
    // A counter that appears with its first event jumps from nothing to 1. Prometheus's rate() sees no growth in that, and the first lost
    // session would go unnoticed. So a server's counters begin at 0 as soon as it is known.
    links: linkMetrics(registry, (server, backends) => {
      requests.begin(server, backends);
      sessions.begin(server, backends);
      breakers.begin(server);
      limits.begin(server);
    }),
    tools,
    registry,
    render: (accept) => exposer.render(accept),
  };
}
