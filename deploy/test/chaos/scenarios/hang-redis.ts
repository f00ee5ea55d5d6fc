import { setTimeout as pause } from 'node:timers/promises';
import type { Scenario } from '../scenario.ts';
import { nobodyNoticed } from './while-down.ts';

export const hangRedis: Scenario = {
  name: 'hang-redis',
  description: 'Redis is stopped with SIGSTOP for half the time: it keeps its connections and answers nothing',
  async play({ mesh, seconds, disturb }) {
    await pause(seconds * 250);
    await disturb('SIGSTOP redis', () => mesh.redis?.process.pause());
    await pause(seconds * 500);
    mesh.redis?.process.resume();
    await pause(seconds * 250);
  },
  judge: nobodyNoticed,
};
