import test from 'ava';
import type { Outcome } from '../../proto/outcome.ts';
import { sampleOutcome } from '../../proto/testing/sample-outcome.ts';
import { sloReportSchema } from '../../proto/slo-window.ts';
import { SloPublisher } from './slo-publisher.ts';

const outcome = (more: Partial<Outcome>): Outcome => sampleOutcome({ server: 's', durationMs: 4, ...more });

test('what changed is written under its node and backend; what a failed write missed comes with the next', async (t) => {
  const written: string[][] = [];
  let isDown = false;
  const redis = {
    hset: async (...args: string[]) => {
      if (isDown) throw new Error('down');
      written.push(args);
      return 1;
    },
    pexpire: async () => 1,
  };
  const publisher = new SloPublisher({
    node: 'gateway-1',
    redis: redis as never,
    startedAtMs: 1,
    now: () => 9,
    intervalMs: 3_600_000,
    inFlight: () => [{ server: 's', backend: 'stable', slot: '1', calls: 2 }],
  });
  publisher.count(outcome({}));
  publisher.count(outcome({ backend: null, kind: 'overload', server: 'other' }));
  await publisher.publish();
  t.is(written.length, 2);
  t.deepEqual(written.find(([key]) => key === 'holdfast:slo:other')?.[1], 'gateway-1/1/');
  t.deepEqual(written[0]!.slice(0, 2), ['holdfast:slo:s', 'gateway-1/1/stable']);
  t.like(sloReportSchema.parse(JSON.parse(written[0]![2]!)), {
    node: 'gateway-1',
    backend: 'stable',
    startedAtMs: 1,
    atMs: 9,
    counters: { calls: 1 },
    inFlight: { 1: 2 },
  });
  await publisher.publish();
  t.is(written.length, 2, 'nothing new');
  isDown = true;
  publisher.count(outcome({}));
  publisher.recovered('s', 'stable');
  await publisher.publish();
  isDown = false;
  await publisher.stop();
  t.like(sloReportSchema.parse(JSON.parse(written.at(-1)![2]!)), { counters: { calls: 2, recoveries: 1 } });
});
