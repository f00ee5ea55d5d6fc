import { setTimeout as pause } from 'node:timers/promises';
import { exactly } from '../../report/objectives.ts';
import type { Replica } from '../../mesh/start-replica.ts';
import type { Call } from '../call-log.ts';
import type { Scenario } from '../scenario.ts';
import { executedAtMostOnce, provesSomething, recoveryTime, safeCallErrors, unsafeCallsAreTyped } from '../verdict.ts';

/** Sessions whose last call, when all was over, was not answered: their clients would have to start again. */
export const lostSessions = (calls: readonly Call[]) =>
  exactly('sessions lost', 0, calls.filter(({ kind, result }) => kind === 'last' && result.kind !== 'answered').length);

const EVERY_MS = 10_000;

export const killReplica: Scenario = {
  name: 'kill-replica',
  description: 'a random replica gets SIGKILL every 10 s and is restarted empty 2 s later',
  async play({ mesh, seconds, disturb, random }) {
    await pause(2000);
    let last: Replica | undefined;
    for (let left = seconds * 1000; left > 0; left -= EVERY_MS) {
      // Never the same twice in a row: a replica that just came back has no sessions to lose.
      const others = mesh.replicas.filter((replica) => replica !== last);
      const victim = others[Math.floor(random() * others.length)]!;
      last = victim;
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
      safeCallErrors(calls),
      ...unsafeCallsAreTyped(calls, disturbances),
      ...executedAtMostOnce(calls, executions()),
      recoveryTime(calls, disturbances, 1000),
      lostSessions(calls),
    ];
  },
};
