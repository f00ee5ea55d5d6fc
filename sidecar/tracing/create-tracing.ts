import type { Logger } from 'pino';
import type { Metrics } from '../metrics/metrics.ts';
import type { Topology } from '../xds/topology.ts';
import { Tracing } from './tracing.ts';

interface TracingParts {
  nodeId: string;
  version: string;
  metrics: Pick<Metrics, 'tracing'>;
  log: Pick<Logger, 'warn'>;
  now: () => number;
  onError: (error: unknown) => void;
}

/** A collector that is down is written about this often at most. */
const LOG_EVERY_MS = 60_000;

/** Tracing of this sidecar. OpenTelemetry's packages are loaded once a configuration asks for spans. */
export function createTracing({ nodeId, version, metrics: { tracing: metrics }, log, now, onError }: TracingParts) {
  let loggedMs = -Infinity;
  const onProblem = (problem: string): void => {
    if (now() - loggedMs < LOG_EVERY_MS) return;
    loggedMs = now();
    log.warn({ problem }, 'the collector does not take spans (tracing.endpoint); they are dropped');
  };
  const tracing = new Tracing({
    load: async (config) => {
      const { createRecorder } = await import('./otel-recorder.ts');
      return createRecorder({ tracing: config, nodeId, version, ...metrics, onProblem });
    },
    now,
    random: Math.random,
    onError,
    leftOut: metrics.leftOut,
  });
  return {
    begin: tracing.begin,
    /** What the policies of the servers say: all of them the same. */
    follow: ({ servers }: Topology): void => {
      const [first] = servers.values();
      const config = first?.policy.tracing ?? null;
      if (first) tracing.configure(config?.from.includes('sidecars') ? config : null);
    },
    close: (): Promise<void> => tracing.close(),
  };
}
