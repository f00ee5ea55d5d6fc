import type { Logger } from 'pino';
import type { Metrics } from '../metrics/metrics.ts';
import type { Topology } from '../xds/topology.ts';
import { tellProblems } from '../otlp/tell-problems.ts';
import { Tracing } from './tracing.ts';

interface TracingParts {
  nodeId: string;
  version: string;
  metrics: Pick<Metrics, 'tracing'>;
  log: Pick<Logger, 'warn'>;
  now: () => number;
  onError: (error: unknown) => void;
}

/** Tracing of this sidecar. OpenTelemetry's packages are loaded once a configuration asks for spans. */
export function createTracing({ nodeId, version, metrics: { tracing: metrics }, log, now, onError }: TracingParts) {
  const onProblem = tellProblems(
    { log, now },
    'the collector does not take spans (tracing.endpoint); they are dropped',
  );
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
    recovery: tracing.recovery,
    /** What the policies of the servers say: all of them the same. */
    follow: ({ servers }: Topology): void => {
      const [first] = servers.values();
      const config = first?.policy.tracing ?? null;
      if (first) tracing.configure(config?.from.includes('sidecars') ? config : null);
    },
    close: (): Promise<void> => tracing.close(),
  };
}
