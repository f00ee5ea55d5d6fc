import * as z from 'zod';
import type { Outcome } from './outcome.ts';

/**
 * What a sidecar counted of one backend since it started, for rollouts. Counters only grow, so a reader may miss any
 * number of them: it subtracts what it saw first from what it sees last. They are kept in Redis below
 * `REDIS.slo(server)`, one field per sidecar process (node and start) and backend. The field of a process that has
 * ended stays, so sums over all fields only grow.
 */
const count = z.int().min(0).default(0);

export const sloCountersSchema = z.object({
  /** Sessions that began: initialize answered well. */
  sessions: count,
  initializeFailed: count,
  /** Requests other than initialize that the replica had to answer; client faults and cancellations are not among them. */
  calls: count,
  toolErrors: count,
  /** Faults of the replica or the server: refused, reset, HTTP 5xx, -32603. */
  faults: count,
  /** Requests of any kind that the mesh had to answer, streams among them; what clients do wrong or call off does not count. */
  judged: count,
  /** Those of them that it did not: faults of replicas, overload, lost sessions. */
  failed: count,
  /** Sessions of this backend that had to be rebuilt. */
  recoveries: count,
  /** Calls by duration; entry i counts those up to `LATENCY_BOUNDS_MS[i]`, the last one all longer ones. */
  latency: z.array(z.int().min(0)).default([]),
});
export type SloCounters = z.infer<typeof sloCountersSchema>;

export const sloReportSchema = z.object({
  node: z.string(),
  /** Empty: requests that no replica was found for. */
  backend: z.string(),
  /** When the counting process started: another value means that the counters began at 0 again. */
  startedAtMs: z.number(),
  atMs: z.number(),
  counters: sloCountersSchema,
  /** Calls that the relay holds now, by slot: what a drain waits for. */
  inFlight: z.record(z.string(), z.int().min(0)).default({}),
});
export type SloReport = z.infer<typeof sloReportSchema>;

/** Upper bounds of the latency classes in ms, a factor of 1.5 to 2 apart: p99 is known as well as a gate needs it. */
const LATENCY_BOUNDS_MS: readonly number[] = [
  1, 2, 3, 5, 7.5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10_000,
  20_000, 30_000, 60_000,
];

export const noCounters = (): SloCounters => ({
  sessions: 0,
  initializeFailed: 0,
  calls: 0,
  toolErrors: 0,
  faults: 0,
  judged: 0,
  failed: 0,
  recoveries: 0,
  latency: LATENCY_BOUNDS_MS.map(() => 0).concat(0),
});

/** Counts one outcome, in place. */
export function countOutcome(counters: SloCounters, { kind, method, durationMs }: Outcome): void {
  const isFault = kind === 'replica_fault' || kind === 'server_error';
  if (kind !== 'client_fault' && kind !== 'cancelled') counters.judged++;
  if (kind === 'replica_fault' || kind === 'overload' || kind === 'lost_session') counters.failed++;
  if (method === 'initialize') {
    if (kind === 'success') counters.sessions++;
    else if (isFault || kind === 'protocol_error') counters.initializeFailed++;
    return;
  }
  // Streams last as long as the client likes; their duration says nothing.
  if (
    kind === 'client_fault' ||
    kind === 'cancelled' ||
    kind === 'overload' ||
    kind === 'lost_session' ||
    method === 'GET' ||
    method === 'DELETE'
  )
    return;
  counters.calls++;
  if (kind === 'tool_error') counters.toolErrors++;
  if (isFault) counters.faults++;
  const bound = LATENCY_BOUNDS_MS.findIndex((each) => durationMs <= each);
  const at = bound < 0 ? LATENCY_BOUNDS_MS.length : bound;
  counters.latency[at] = (counters.latency[at] ?? 0) + 1;
}

const NUMBERS = [
  'sessions',
  'initializeFailed',
  'calls',
  'toolErrors',
  'faults',
  'judged',
  'failed',
  'recoveries',
] as const;

/** `sign` 1 adds, -1 subtracts; never below 0. */
export function combine(one: SloCounters, other: SloCounters, sign: 1 | -1): SloCounters {
  const result = noCounters();
  for (const name of NUMBERS) result[name] = Math.max(0, one[name] + sign * other[name]);
  result.latency = result.latency.map((_, index) =>
    Math.max(0, (one.latency[index] ?? 0) + sign * (other.latency[index] ?? 0)),
  );
  return result;
}

/** The upper bound of the class that the quantile falls into; null without calls, Infinity beyond the last bound. */
export function latencyQuantileMs({ latency }: SloCounters, quantile: number): number | null {
  const total = latency.reduce((sum, each) => sum + each, 0);
  if (total === 0) return null;
  let seen = 0;
  for (const [index, each] of latency.entries()) {
    seen += each;
    if (seen >= quantile * total) return LATENCY_BOUNDS_MS[index] ?? Infinity;
  }
  return Infinity;
}
