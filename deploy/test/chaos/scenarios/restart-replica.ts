import { setTimeout as pause } from 'node:timers/promises';
import type { Replica } from '../../mesh/start-replica.ts';
import type { Chaos, Scenario } from '../scenario.ts';
import { anyErrors, executedAtMostOnce, provesSomething } from '../verdict.ts';
import { lostSessions } from './kill-replica.ts';

/** SIGTERM lets a replica finish what it has; it comes back empty. */
async function restart({ disturb, mesh }: Chaos, replica: Replica): Promise<void> {
  await disturb(`restart ${replica.name}`, () => replica.process.restart('SIGTERM'));
  await mesh.settled([replica]);
}

const judge: Scenario['judge'] = ({ disturbances, executions }, calls) => [
  ...provesSomething(calls, disturbances, { calls: 100, disturbances: 1 }),
  anyErrors(calls),
  ...executedAtMostOnce(calls, executions()),
  lostSessions(calls),
];

export const restartEmpty: Scenario = {
  name: 'restart-empty',
  description: 'one replica is restarted with SIGTERM and comes back without its sessions',
  async play(chaos) {
    await pause(2000);
    await restart(chaos, chaos.mesh.replicas[0]!);
    await pause(chaos.seconds * 250);
  },
  judge,
};

export const rolling: Scenario = {
  name: 'rolling',
  description: 'all replicas are restarted, one after another, each when the one before is healthy again',
  async play(chaos) {
    await pause(2000);
    for (const replica of chaos.mesh.replicas) {
      await restart(chaos, replica);
      await pause(1000);
    }
    await pause(2000);
  },
  judge,
};
