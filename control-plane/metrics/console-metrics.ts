import { Counter, Gauge, type Registry } from 'prom-client';

/** Pages of the console that watch the mesh, and those that were turned away. */
export function consoleMetrics(registry: Registry, watchers: () => number) {
  const registers = [registry];
  new Gauge({
    name: 'holdfast_console_watchers',
    help: 'Pages of the console that watch the mesh by this control plane.',
    registers,
    collect() {
      this.set(watchers());
    },
  });
  const refused = new Counter({
    name: 'holdfast_console_refused_total',
    help: 'Pages of the console that were turned away, because controlPlane.consoleWatchers watched already.',
    registers,
  });
  return { refused: () => refused.inc() };
}
