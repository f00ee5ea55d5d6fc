import { Counter, type Registry } from 'prom-client';

const REASONS = ['queue', 'export'] as const;

/** What becomes of spans. */
export function tracingMetrics(registry: Registry) {
  const registers = [registry];
  const sent = new Counter({ name: 'holdfast_spans_sent_total', help: 'Spans that a collector took.', registers });
  const dropped = new Counter({
    name: 'holdfast_spans_dropped_total',
    help: 'Spans that no collector will see: the queue was full, or it did not take a batch in time (queue, export).',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of REASONS) dropped.inc({ reason }, 0);
  const leftOut = new Counter({
    name: 'holdfast_traces_left_out_total',
    help: 'Traces of errors and recoveries that were not kept because there were too many in one second.',
    registers,
  });
  return {
    sent: (count: number): void => sent.inc(count),
    lost: (reason: (typeof REASONS)[number], count: number): void => dropped.inc({ reason }, count),
    leftOut: (): void => leftOut.inc(),
  };
}
