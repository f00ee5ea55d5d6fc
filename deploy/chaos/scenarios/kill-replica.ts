import { setTimeout as pause } from 'node:timers/promises';
import { exactly } from '../../report/objectives.ts';
import type { Call } from '../call-log.ts';
import type { Scenario } from '../scenario.ts';
import { executedAtMostOnce, provesSomething, recoveryTime, safeCallErrors, unsafeCallsAreTyped } from '../verdict.ts';

/** Sessions whose last call was not answered: the client would have to start anew. */
export const lostSessions = (calls: readonly Call[]) => {
  const last = new Map(calls.filter(({ kind }) => kind !== 'open').map((call) => [call.session, call]));
  return exactly('sessions lost', 0, [...last.values()].filter(({ result }) => result.kind === 'error' || result.kind === 'hang').length);
};

const EVERY_MS = 10_000;

export const killReplica: Scenario = {
  name: 'kill-replica',
  says: 'a random replica gets SIGKILL every 10 s and is restarted empty 2 s later',
  async play({ mesh, seconds, disturb, random }) {
    await pause(2000);
    for (let left = seconds * 1000; left > 0; left -= EVERY_MS) {
      const victim = mesh.replicas[Math.floor(random() * mesh.replicas.length)]!;
      await disturb(`SIGKILL ${victim.name}`, () => victim.process.kill());
      await pause(2000);
      await victim.process.start();
      await pause(Math.min(EVERY_MS, left) - 2000);
    }
    await pause(1000);
  },
  judge({ disturbances, executions }, calls) {
    return [
      ...provesSomething(calls, disturbances, { calls: 100, disturbances: 1 }),
      safeCallErrors(calls), ...unsafeCallsAreTyped(calls, disturbances), ...executedAtMostOnce(calls, executions()),
      recoveryTime(calls, disturbances, 1000), lostSessions(calls),
    ];
  },
};
