import test from 'ava';
import { runSoak } from '../soak/run-soak.ts';

test('a soak of seconds: every kind of fault once, nothing lost, and a curve of each figure', async (t) => {
  t.timeout(180_000);
  const order = ['replica', 'gateway', 'rollout', 'redis'] as const;
  const { objectives, figures, curves, faults, examples } = await runSoak({
    say: (text) => t.log(text),
    forMs: 16_000,
    faultsEveryMs: 4000,
    sessions: 12,
    callEveryMs: 400,
    order,
  });
  t.deepEqual(
    faults.map(({ kind }) => kind),
    [...order],
  );
  t.true(figures.answered > 100);
  t.deepEqual(
    objectives.filter(({ met }) => !met),
    [],
    examples.join('\n'),
  );
  for (const figure of ['RSS, MiB', 'file descriptors', 'event-loop delay, p99 ms', 'Redis keys', 'lost sessions'])
    t.true(
      curves.some(
        (one) => one.figure === figure && one.points.some(({ value }) => value > 0 || figure === 'lost sessions'),
      ),
      figure,
    );
  // The killed gateway's processes begin new curves; the other one's go on.
  const lives = (name: string): number => curves.filter((one) => one.figure === 'RSS, MiB' && one.name === name).length;
  t.deepEqual([lives('gateway-1 sidecar'), lives('gateway-2 sidecar')], [1, 2]);
});
