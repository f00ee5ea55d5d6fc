import type { Outcome } from '../../proto/outcome.ts';
import type { Breakers } from '../breaker/breakers.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { OutcomeBus } from './outcome-bus.ts';
import { outcomeLog, type OutcomeLogger } from './outcome-log.ts';
import { sessionTouches } from './session-touches.ts';

export interface OutcomePipelineOptions {
  metrics: Pick<Metrics, 'requests' | 'path'>;
  breakers: Pick<Breakers, 'observe'>;
  logger: OutcomeLogger;
  touch: (server: string, digest: string, atMs: number) => void;
  touchIntervalMs: (server: string) => number;
  /** `logSuccessSample` of the server's policy. */
  successSample: (server: string) => number;
  now: () => number;
  maxQueued?: number;
  /** What a sink threw. */
  onError?: (error: unknown) => void;
}

/** The bus with its standing sinks: metrics, breakers, sessions' last activity, log. Others may subscribe besides. */
export function outcomePipeline({
  metrics,
  breakers,
  logger,
  touch,
  touchIntervalMs,
  successSample,
  now,
  maxQueued,
  onError = () => {},
}: OutcomePipelineOptions): OutcomeBus {
  const bus = new OutcomeBus({
    ...(maxQueued !== undefined && { maxQueued }),
    onError,
    onDropped: (sink, count) => {
      metrics.path.outcomesDropped(sink, count);
    },
    onQueued: (count) => {
      metrics.path.outcomesQueued(count);
    },
  });
  bus.subscribe('metrics', metrics.requests.outcome);
  bus.subscribe('breakers', (outcome: Outcome) => {
    breakers.observe(outcome, now());
  });
  bus.subscribe('sessions', sessionTouches({ touch, intervalMs: touchIntervalMs }));
  bus.subscribe('log', outcomeLog({ logger, successSample }));
  return bus;
}
