import { Counter, Gauge, type Registry } from 'prom-client';
import type { ToolLabels } from './tool-labels.ts';

export type BreakerLevel = 'replica' | 'tool';
/** One breaker as the registry of breakers lists it. */
export interface BreakerReading {
  server: string;
  level: BreakerLevel;
  key: string;
  state: string;
}

/** Breakers. States are read when scraped, so a breaker that is gone leaves no series behind. */
export function breakerMetrics(registry: Registry, tools: Pick<ToolLabels, 'label'>) {
  let read: () => Iterable<BreakerReading> = () => [];
  const registers = [registry];
  new Gauge({
    name: 'mcp_breakers',
    help: 'Breakers by state.',
    labelNames: ['server_id', 'level', 'state'],
    registers,
    collect() {
      this.reset();
      for (const { server, level, state } of read()) this.inc({ server_id: server, level, state });
    },
  });
  new Gauge({
    name: 'mcp_breaker_not_closed',
    help: '1 for each breaker that is not closed: `key` is the slot or the tool.',
    labelNames: ['server_id', 'level', 'key', 'state'],
    registers,
    collect() {
      this.reset();
      for (const { server, level, key, state } of read())
        if (state !== 'closed')
          this.set({ server_id: server, level, key: level === 'tool' ? tools.label(server, key) : key, state }, 1);
    },
  });
  const transitions = new Counter({
    name: 'mcp_breaker_transitions_total',
    help: 'Changes of state seen on this gateway, by who caused them (local, fleet, operator).',
    labelNames: ['server_id', 'level', 'to', 'cause'],
    registers,
  });
  const rejected = new Counter({
    name: 'mcp_breaker_rejected_total',
    help: 'Requests that a breaker turned away.',
    labelNames: ['server_id', 'level'],
    registers,
  });
  const permits = new Counter({
    name: 'mcp_breaker_half_open_permits_total',
    help: 'Half-open permits by how they were settled.',
    labelNames: ['server_id', 'level', 'result'],
    registers,
  });
  const evicted = new Counter({
    name: 'holdfast_breakers_evicted_total',
    help: 'Breakers dropped because the registry was full.',
    registers,
  });

  return {
    /** Begins this server's counters at 0. */
    begin(server_id: string): void {
      for (const level of ['replica', 'tool'] as const) {
        rejected.inc({ server_id, level }, 0);
        for (const to of ['open', 'half-open', 'closed'])
          for (const cause of ['local', 'fleet']) transitions.inc({ server_id, level, to, cause }, 0);
      }
    },
    /** Where scrapes read the states from. */
    source(from: () => Iterable<BreakerReading>): void {
      read = from;
    },
    transition(server: string, level: BreakerLevel, to: string, cause: 'local' | 'fleet' | 'operator'): void {
      transitions.inc({ server_id: server, level, to, cause });
    },
    rejected(server: string, level: BreakerLevel): void {
      rejected.inc({ server_id: server, level });
    },
    halfOpenPermit(server: string, level: BreakerLevel, result: 'success' | 'failure' | 'released' | 'expired'): void {
      permits.inc({ server_id: server, level, result });
    },
    evicted(): void {
      evicted.inc();
    },
  };
}
