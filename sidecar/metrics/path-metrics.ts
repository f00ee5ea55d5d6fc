import { Counter, Gauge, type Registry } from 'prom-client';
import { INTERNAL_SECONDS } from './buckets.ts';
import { ERROR_PLACES, type ErrorPlace } from './error-place.ts';
import { Histogram } from './histogram.ts';

/** What the sidecar itself does on and beside the request path: ext_proc, relay, access logs. */
export function pathMetrics(registry: Registry) {
  const registers = [registry];
  const extProc = new Histogram({
    name: 'holdfast_ext_proc_duration_seconds',
    help: 'Time the sidecar took to answer one ext_proc message.',
    labelNames: ['message', 'result'],
    buckets: INTERNAL_SECONDS,
    registry,
  });
  const extProcStreams = new Gauge({
    name: 'holdfast_ext_proc_streams_open',
    help: 'ext_proc streams that are open.',
    registers,
  });
  const relay = new Histogram({
    name: 'holdfast_relay_overhead_seconds',
    help: 'Time the relay took before it sent a request on.',
    labelNames: ['server_id'],
    buckets: INTERNAL_SECONDS,
    registry,
  });
  // Every call changes one twice; the gauge takes them over when somebody asks.
  const relayOpen = { call: new Map<string, number>(), stream: new Map<string, number>() };
  new Gauge({
    name: 'holdfast_relay_streams_open',
    help: 'Requests and streams that the relay holds.',
    labelNames: ['server_id', 'kind'],
    registers,
    collect() {
      for (const kind of ['call', 'stream'] as const)
        for (const [server_id, open] of relayOpen[kind]) this.set({ server_id, kind }, open);
    },
  });
  const retries = new Counter({
    name: 'holdfast_retries_total',
    help: 'Requests that the relay sent again (sent), or would have (refused by the retry budget, unsafe).',
    labelNames: ['server_id', 'result'],
    registers,
  });
  const resumed = new Counter({
    name: 'holdfast_calls_resumed_total',
    help: 'Clients that came back to a call whose stream was cut, by what they got: answer (or its rest), repeated (sent again), lost (a typed error).',
    labelNames: ['server_id', 'result'],
    registers,
  });
  const entries = new Counter({
    name: 'holdfast_access_log_entries_total',
    help: 'Access log entries by what became of them: outcome, relay (the relay reports it), foreign (no MCP request), malformed.',
    labelNames: ['result'],
    registers,
  });
  const dropped = new Counter({
    name: 'holdfast_outcomes_dropped_total',
    help: 'Outcomes that a full queue or a failing sink lost.',
    labelNames: ['sink'],
    registers,
  });
  const queued = new Gauge({ name: 'holdfast_outcomes_queued', help: 'Outcomes that wait for the sinks.', registers });
  const internalErrors = new Counter({
    name: 'holdfast_internal_errors_total',
    help: 'Failures of the mesh’s own code that were caught, by where; each cost at most one request.',
    labelNames: ['where'],
    registers,
  });
  for (const where of ERROR_PLACES) internalErrors.inc({ where }, 0);

  return {
    /** A failure of our own code was caught at this place. */
    internalError(where: ErrorPlace): void {
      internalErrors.inc({ where });
    },
    extProc(message: string, result: 'ok' | 'reject' | 'error', durationMs: number): void {
      extProc.at(message, result).observe(durationMs / 1000);
    },
    extProcStreams(open: number): void {
      extProcStreams.set(open);
    },
    relayOverhead(server: string, durationMs: number): void {
      relay.at(server).observe(durationMs / 1000);
    },
    relayStreams(server: string, kind: 'call' | 'stream', open: number): void {
      relayOpen[kind].set(server, open);
    },
    retry(server: string, result: 'sent' | 'budget' | 'unsafe'): void {
      retries.inc({ server_id: server, result });
    },
    resumed(server: string, result: 'answer' | 'repeated' | 'lost'): void {
      resumed.inc({ server_id: server, result });
    },
    accessLogEntries(result: 'outcome' | 'relay' | 'foreign' | 'malformed', count: number): void {
      entries.inc({ result }, count);
    },
    outcomesDropped(sink: string, count: number): void {
      dropped.inc({ sink }, count);
    },
    outcomesQueued(count: number): void {
      queued.set(count);
    },
  };
}
