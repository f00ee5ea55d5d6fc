import { longestTaskMs } from '../longest-task.ts';
import type { Scene } from './scene.ts';

/** Twice what `npm run console:look` asks for: a collection of garbage may fall into a task. */
const MOST_MS = 100;

export const quick: Scene = {
  title: 'no task of the page takes long with 1,000 replicas of 50 servers',
  async play(t, { browser, mesh }) {
    const longest = await longestTaskMs(browser, mesh.controlPlane.adminUrl);
    t.true(longest < MOST_MS, `${longest} ms of CPU`);
  },
};
