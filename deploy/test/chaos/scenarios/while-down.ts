import { setTimeout as pause } from 'node:timers/promises';
import type { Chaos, Scenario } from '../scenario.ts';
import { anyErrors, executedAtMostOnce, newSessionErrors, provesSomething } from '../verdict.ts';
import { lostSessions } from './kill-replica.ts';

/** Opens a session twice a second while something is down: new ones count as much as the live ones. */
export async function openWhile({ openSession }: Chaos, milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= 500) {
    const client = await openSession();
    await client?.close().catch(() => undefined);
    await pause(500);
  }
}

/** What a scenario can take away and bring back: a process, or a gateway node with all of its own. */
export interface Part {
  name: string;
  kill(): Promise<unknown>;
  start(): Promise<unknown>;
}

/** Takes one part away under load, opens sessions while it is gone, and brings it back. */
export async function loseForAWhile(chaos: Chaos, part: Part): Promise<void> {
  await pause(2000);
  await chaos.disturb(`SIGKILL ${part.name}`, () => part.kill());
  await openWhile(chaos, chaos.seconds * 300);
  await part.start();
  await pause(2000);
}

/** Nobody noticed: no call failed, no session was refused or lost, nothing ran twice. */
export const nobodyNoticed: Scenario['judge'] = ({ disturbances, executions }, calls) => [
  ...provesSomething(calls, disturbances, { calls: 100, disturbances: 1 }),
  anyErrors(calls),
  newSessionErrors(calls),
  ...executedAtMostOnce(calls, executions()),
  lostSessions(calls),
];
