import { Counter, Gauge, type Registry } from 'prom-client';
import { LIMIT_KEYS, type LimitName } from '../../proto/limits.ts';

/** What limits turned away, and how full the budgets are. */
export function limitMetrics(registry: Registry) {
  const registers = [registry];
  const refusals = new Counter({
    name: 'holdfast_limit_refusals_total',
    help: 'Requests, sessions, streams and connections that a limit turned away or ended, by limit (docs/limits.md).',
    labelNames: ['server_id', 'limit'],
    registers,
  });
  const unauthorized = new Counter({
    name: 'holdfast_authorization_refusals_total',
    help: 'Requests that the rules of a server refuse, or would refuse in a dry run, by rule; `default` where no rule fits.',
    labelNames: ['server_id', 'rule', 'mode'],
    registers,
  });
  const local = new Counter({
    name: 'holdfast_fleet_limit_local_total',
    help: 'Calls on whose fleet limits this node decided alone, because Redis did not answer.',
    labelNames: ['server_id'],
    registers,
  });
  const bodyBytes = new Gauge({
    name: 'holdfast_buffered_body_bytes',
    help: 'Bytes of request bodies that this sidecar holds.',
    registers,
  });

  const redisMemory = new Gauge({
    name: 'holdfast_redis_memory_ratio',
    help: 'Memory that Redis uses, as a share of its maxmemory; 0 when it has none.',
    registers,
  });

  return {
    /** Begins this server's counters at 0. */
    begin(server_id: string): void {
      for (const limit of Object.keys(LIMIT_KEYS)) refusals.inc({ server_id, limit }, 0);
    },
    refused(server: string, limit: LimitName): void {
      refusals.inc({ server_id: server, limit });
    },
    unauthorized(server: string, rule: string, mode: string): void {
      unauthorized.inc({ server_id: server, rule, mode });
    },
    decidedLocally(server: string): void {
      local.inc({ server_id: server });
    },
    redisMemory(share: number): void {
      redisMemory.set(share);
    },
    bufferedBytes(bytes: number): void {
      bodyBytes.set(bytes);
    },
  };
}
