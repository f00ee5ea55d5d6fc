import { setTimeout as pause } from 'node:timers/promises';
import { atMost, exactly } from '../../report/objectives.ts';
import type { Scenario } from '../scenario.ts';
import { executedAtMostOnce, provesSomething } from '../verdict.ts';
import { lostSessions } from './kill-replica.ts';

/** Longer than a busy machine keeps a replica waiting that is well. */
const CALL_MS = 4000;

export const hangReplica: Scenario = {
  name: 'hang-replica',
  description: 'one replica is stopped with SIGSTOP: it keeps its connections and answers nothing',
  mesh: { servers: { linear: { replicas: 3, settings: { timeouts: { callMs: CALL_MS } } } } },
  async play({ mesh, seconds, disturb }) {
    await pause(2000);
    const victim = mesh.replicas[0]!;
    await disturb(`SIGSTOP ${victim.name}`, () => victim.process.pause());
    await pause(Math.max(4 * CALL_MS, seconds * 500));
    victim.process.resume();
    await pause(3000);
  },
  judge({ disturbances, executions }, calls) {
    const stoppedAtMs = disturbances[0]?.atMs ?? 0;
    const after = calls.filter(({ kind, startedAtMs }) => kind !== 'open' && startedAtMs > stoppedAtMs + 3 * CALL_MS);
    return [
      ...provesSomething(calls, disturbances, { calls: 100, disturbances: 1 }),
      exactly('calls that hung', 0, calls.filter(({ result }) => result.kind === 'hang').length),
      exactly(
        'calls that failed without saying what became of them',
        0,
        calls.filter(({ kind, result }) => kind !== 'open' && result.kind === 'error').length,
      ),
      atMost('slowest call (ms)', CALL_MS + 3000, Math.max(...calls.map((call) => call.endedAtMs - call.startedAtMs))),
      exactly(
        'calls not answered once the sessions had moved',
        0,
        after.filter(({ result }) => result.kind !== 'answered').length,
      ),
      ...executedAtMostOnce(calls, executions()).slice(0, 2),
      lostSessions(calls),
    ];
  },
};
