import { residentMiB } from '../../bench/load/cpu.ts';
import { CROWD, crowdServer, crowdSpeaks, openCrowd, RECOVERIES_AT_A_TIME } from '../../bench/load/crowd.ts';
import { atMost, exactly } from '../../report/objectives.ts';
import type { Scenario } from '../scenario.ts';

const SESSIONS = 5000;

let result: Awaited<ReturnType<typeof crowdSpeaks>> | undefined;
const memory = { beforeMiB: 0, afterMiB: 0 };

export const stampede: Scenario = {
  name: 'stampede',
  description: `${SESSIONS} sessions live on one replica, it is killed, and all of them speak at once`,
  sessions: 2,
  mesh: { servers: { [CROWD]: crowdServer } },
  async play({ mesh, disturb, say }) {
    const crowd = await openCrowd(mesh, SESSIONS);
    const { others, crowded, gateway } = crowd;
    for (const replica of others) await replica.process.start();
    await mesh.settled(others);
    const pid = gateway.sidecars[0]?.process.pid ?? 0;
    memory.beforeMiB = residentMiB(pid);
    await disturb(`SIGKILL ${crowded.name}, which has ${SESSIONS} sessions`, () => crowded.process.kill());
    result = await crowdSpeaks(crowd);
    memory.afterMiB = residentMiB(pid);
    say(
      `  ${result.answered} of ${SESSIONS} sessions answered in ${result.seconds.toFixed(1)} s, slowest ${Math.round(result.slowestMs)} ms; the sidecar went from ${Math.round(memory.beforeMiB)} to ${Math.round(memory.afterMiB)} MiB`,
    );
  },
  judge: () => [
    exactly('sessions that did not answer', 0, result?.failed ?? SESSIONS),
    atMost('until all had answered (s)', 10, result?.seconds ?? Number.POSITIVE_INFINITY),
    atMost(
      'most initializes at a time at another replica (the queue’s limit)',
      RECOVERIES_AT_A_TIME,
      result?.mostAtATime ?? Number.NaN,
    ),
    atMost('memory that the sidecar took for it (MiB)', 150, memory.afterMiB - memory.beforeMiB),
  ],
};
