import type { Objective } from '../report/objectives.ts';
import { atMost, exactly } from '../report/objectives.ts';
import type { Call } from './call-log.ts';

/** When something was broken, ms since the epoch. */
export interface Disturbance {
  atMs: number;
  what: string;
  /** When the breaking was done: a kill of several processes takes a moment. */
  doneAtMs?: number;
}

const failed = (call: Call): boolean => call.result.kind !== 'answered';

/** Calls that the client must never see fail: reads, and opening a session. */
export function safeCallErrors(calls: readonly Call[]): Objective {
  return exactly('client errors on safe calls', 0, calls.filter((call) => call.kind === 'safe' && failed(call)).length);
}

export function newSessionErrors(calls: readonly Call[]): Objective {
  return exactly('new sessions refused', 0, calls.filter((call) => call.kind === 'open' && failed(call)).length);
}

export function anyErrors(calls: readonly Call[]): Objective {
  return exactly('client errors on any call', 0, calls.filter(failed).length);
}

/** Unsafe calls may fail only with an error that says what became of them, soon after the replica died, and none may hang. */
export function unsafeCallsAreTyped(calls: readonly Call[], disturbances: readonly Disturbance[]): Objective[] {
  const unsafe = calls.filter((call) => call.kind === 'unsafe');
  const typed = unsafe.filter((call) => call.result.kind === 'typed-error');
  const afterMs = typed.map((call) => {
    const before = disturbances.filter(({ atMs }) => atMs <= call.endedAtMs && atMs >= call.startedAtMs - 10_000);
    return before.length === 0
      ? Number.POSITIVE_INFINITY
      : call.endedAtMs - Math.max(call.startedAtMs, before.at(-1)!.atMs);
  });
  return [
    exactly(
      'unsafe calls that failed without saying what became of them',
      0,
      unsafe.filter((call) => call.result.kind === 'error').length,
    ),
    exactly('calls that hung', 0, calls.filter((call) => call.result.kind === 'hang').length),
    atMost('slowest typed error after the kill (ms)', 1000, Math.max(0, ...afterMs)),
  ];
}

/** `executions` by key from the servers' ledger. An answered call ran exactly once, `not_sent` never, anything else at most once. */
export function executedAtMostOnce(calls: readonly Call[], executions: ReadonlyMap<string, number>): Objective[] {
  const keyed = calls.filter((call): call is Call & { key: string } => call.key !== null);
  return [
    exactly('unsafe calls executed twice', 0, [...executions.values()].filter((times) => times > 1).length),
    exactly(
      'unsafe calls answered but not executed',
      0,
      keyed.filter((call) => call.result.kind === 'answered' && executions.get(call.key) !== 1).length,
    ),
    exactly(
      'unsafe calls said "not_sent" but executed',
      0,
      keyed.filter(
        (call) => call.result.kind === 'typed-error' && call.result.outcome === 'not_sent' && executions.has(call.key),
      ).length,
    ),
  ];
}

/** p99 of quick safe calls that began within `windowMs` after a disturbance: what a client waits for its session to be rebuilt. */
export function recoveryTime(
  calls: readonly Call[],
  disturbances: readonly Disturbance[],
  mostMs: number,
  windowMs = 3000,
): Objective {
  const took = calls
    .filter(
      (call) =>
        call.tool === 'whoami' &&
        disturbances.some(({ atMs }) => call.startedAtMs >= atMs - 100 && call.startedAtMs <= atMs + windowMs),
    )
    .map((call) => call.endedAtMs - call.startedAtMs)
    .sort((a, b) => a - b);
  return took.length === 0
    ? { name: 'p99 of safe calls right after (ms)', goal: `≤ ${mostMs}`, measured: null, met: false }
    : atMost('p99 of safe calls right after (ms)', mostMs, took[Math.floor(took.length * 0.99)]!);
}

/** A run that disturbed nothing, or in which nobody called, proves nothing. */
export function provesSomething(
  calls: readonly Call[],
  disturbances: readonly Disturbance[],
  least: { calls: number; disturbances: number },
): Objective[] {
  return [
    { name: 'calls made', goal: `≥ ${least.calls}`, measured: calls.length, met: calls.length >= least.calls },
    {
      name: 'disturbances made',
      goal: `≥ ${least.disturbances}`,
      measured: disturbances.length,
      met: disturbances.length >= least.disturbances,
    },
  ];
}
