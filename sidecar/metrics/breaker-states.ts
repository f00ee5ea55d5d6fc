import { Gauge } from 'prom-client';
import type { BreakerLevel } from './breaker-metrics.ts';
import type { Metrics } from './metrics.ts';

/** One breaker as the table of breakers has it. */
export interface ReadBreaker {
  server: string;
  level: BreakerLevel;
  key: string;
  gate: { state: { kind: string } };
}

/** States of breakers. They are read when scraped, so a breaker that is gone leaves no series behind. */
export function breakerStates(
  { registry, tools }: Pick<Metrics, 'registry' | 'tools'>,
  breakers: () => Iterable<ReadBreaker>,
): void {
  const registers = [registry];
  new Gauge({
    name: 'mcp_breakers',
    help: 'Breakers by state.',
    labelNames: ['server_id', 'level', 'state'],
    registers,
    collect() {
      this.reset();
      for (const { server, level, gate } of breakers()) this.inc({ server_id: server, level, state: gate.state.kind });
    },
  });
  new Gauge({
    name: 'mcp_breaker_not_closed',
    help: '1 for each breaker that is not closed: `key` is the slot or the tool.',
    labelNames: ['server_id', 'level', 'key', 'state'],
    registers,
    collect() {
      this.reset();
      for (const { server, level, key, gate } of breakers()) {
        const state = gate.state.kind;
        if (state !== 'closed')
          this.set({ server_id: server, level, key: level === 'tool' ? tools.label(server, key) : key, state }, 1);
      }
    },
  });
}
