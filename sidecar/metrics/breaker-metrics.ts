import { Counter, type Registry } from 'prom-client';

export type BreakerLevel = 'replica' | 'tool';

/** What happens to breakers. Their states are another matter (breaker-states.ts). */
export function breakerMetrics(registry: Registry) {
  const registers = [registry];
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
