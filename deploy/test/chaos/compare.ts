import { table } from '../report/table.ts';
import { round, type Objective } from '../report/objectives.ts';
import type { Call } from './call-log.ts';
import { runScenario, type RunOptions, type ScenarioResult } from './run-scenario.ts';
import { killReplica } from './scenarios/kill-replica.ts';

export interface Figures {
  calls: number;
  errors: number;
  typedErrors: number;
  hangs: number;
  sessionsLost: number;
  secondsToRecover: number | null;
}

/** From the first failed call of a session to its next answered one: the longest of all sessions; null when one never recovered. */
function secondsToRecover(calls: readonly Call[]): number | null {
  let longestMs = 0;
  for (const session of new Set(calls.map((call) => call.session))) {
    let failedAtMs: number | null = null;
    for (const call of calls.filter((one) => one.session === session).sort((a, b) => a.startedAtMs - b.startedAtMs)) {
      if (call.result.kind !== 'answered') failedAtMs ??= call.startedAtMs;
      else if (failedAtMs !== null) {
        longestMs = Math.max(longestMs, call.endedAtMs - failedAtMs);
        failedAtMs = null;
      }
    }
    if (failedAtMs !== null) return null;
  }
  return round(longestMs / 1000);
}

const figuresOf = ({ counts, calls }: ScenarioResult): Figures => ({
  calls: counts.calls,
  errors: counts.errors,
  typedErrors: counts.typedErrors,
  hangs: counts.hangs,
  sessionsLost: calls.filter(({ kind, result }) => kind === 'last' && result.kind !== 'answered').length,
  secondsToRecover: secondsToRecover(calls),
});

/** The same kills under the same clients, once through a bare Envoy with its own session affinity, once through Holdfast. */
export async function compare(
  options: RunOptions,
): Promise<{ figures: Record<string, Figures>; objectives: Objective[]; text: string }> {
  const envelope = figuresOf(await runScenario(killReplica, { ...options, through: 'envelope' }));
  const holdfast = figuresOf(await runScenario(killReplica, { ...options, through: 'holdfast' }));
  const row = (name: string, one: Figures) => [
    name,
    one.calls,
    one.errors,
    one.typedErrors,
    one.hangs,
    one.sessionsLost,
    one.secondsToRecover ?? 'never',
  ];
  const text = table(
    ['kill-replica through', 'calls', 'errors', 'typed errors', 'hangs', 'sessions lost', 'seconds to recover'],
    [row('Envoy, stateful_session', envelope), row('Holdfast', holdfast)],
  );
  const none = (name: string, measured: number): Objective => ({ name, goal: '= 0', measured, met: measured === 0 });
  return {
    figures: { envelope, holdfast },
    text,
    objectives: [
      none('Holdfast: errors that do not say what became of the call', holdfast.errors),
      none('Holdfast: hangs', holdfast.hangs),
      none('Holdfast: sessions lost', holdfast.sessionsLost),
    ],
  };
}
