import { Counter, Gauge, type Registry } from 'prom-client';

/** Pages of the console that watch the mesh, and those that were turned away. */
export function consoleMetrics(registry: Registry) {
  const registers = [registry];
  const watchers = new Gauge({
    name: 'holdfast_console_watchers',
    help: 'Pages of the console that watch the mesh by this control plane.',
    registers,
  });
  const refused = new Counter({
    name: 'holdfast_console_refused_total',
    help: 'Pages of the console that were turned away, because controlPlane.consoleWatchers watched already.',
    registers,
  });
  return {
    watchers: (count: number) => watchers.set(count),
    refused: () => refused.inc(),
  };
}
