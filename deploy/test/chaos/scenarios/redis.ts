import { setTimeout as pause } from 'node:timers/promises';
import type { Scenario } from '../scenario.ts';
import { nobodyNoticed, openWhile } from './while-down.ts';

export const redisDown: Scenario = {
  name: 'redis-down',
  description: 'Redis is gone for as long as the scenario runs (60 s with --seconds 60), then comes back with its data',
  mesh: { redis: 'persistent' },
  async play(chaos) {
    await pause(2000);
    const { process } = chaos.mesh.redis!;
    await chaos.disturb('SIGKILL redis', () => process.kill());
    await openWhile(chaos, chaos.seconds * 1000);
    await process.start();
    await openWhile(chaos, 3000);
  },
  judge: nobodyNoticed,
};

export const redisFailover: Scenario = {
  name: 'redis-failover',
  description: 'the primary is killed, three sentinels make the replica primary',
  mesh: { redis: 'sentinel' },
  async play(chaos) {
    await pause(2000);
    const { process } = chaos.mesh.redis!;
    await chaos.disturb('SIGKILL redis primary', () => process.kill());
    await openWhile(chaos, Math.max(6, chaos.seconds / 3) * 1000);
  },
  judge: nobodyNoticed,
};
