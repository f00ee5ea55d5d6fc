import test from 'ava';
import fc from 'fast-check';
import { sampleRecord } from '../session/testing/sample-record.ts';
import { ModelFleet } from './testing/model-fleet.ts';
import type { Recovered } from './recovery-request.ts';

/** Lets everything happen that can, in the order that the schedule chose. */
async function settle(scheduler: fc.Scheduler, atStep?: { step: number; run: () => void }): Promise<void> {
  for (let quiet = 0, step = 0; quiet < 3; step++) {
    if (step === atStep?.step) atStep.run();
    if (scheduler.count() > 0) {
      await scheduler.waitOne();
      quiet = 0;
    } else {
      await new Promise(setImmediate);
      quiet++;
    }
  }
}
const lost = sampleRecord({
  server: 'linear',
  slot: 'dead',
  upstreamId: 'gone',
  epoch: 3,
  subscriptions: ['a://1'],
  logLevel: 'info',
  isTombstone: false,
});
const owner = (fleet: ModelFleet) => `${fleet.stored.slot}/${fleet.stored.upstreamId}`;

test('two gateways that recover one session at once end with one owner, both follow it, and the loser’s session is deleted', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const fleet = new ModelFleet(lost, ['a', 'b'], (label) => scheduler.schedule(Promise.resolve(), label)),
        results: Recovered[] = [];
      for (const name of ['one', 'two'])
        void fleet
          .gateway(name)
          .recover({ record: lost, reason: 'unreachable', headers: [] })
          .then((result) => results.push(result));
      await settle(scheduler);
      t.deepEqual(fleet.alive, [owner(fleet)]);
      t.is(fleet.stored.epoch, 4);
      t.deepEqual(
        results.map((result) => result.kind === 'recovered' && result.record.upstreamId),
        [fleet.stored.upstreamId, fleet.stored.upstreamId],
      );
    }),
    { numRuns: 150 },
  );
});

test('a gateway that dies at any step leaves at most an orphan at each replica: the other one ends with a live owner that the record names', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.nat(24), async (scheduler, crashAfter) => {
      const fleet = new ModelFleet(lost, ['a', 'b'], (label) => scheduler.schedule(Promise.resolve(), label)),
        results: Recovered[] = [];
      void fleet.gateway('dying', crashAfter).recover({ record: lost, reason: 'unreachable', headers: [] });
      void fleet
        .gateway('living')
        .recover({ record: lost, reason: 'unreachable', headers: [] })
        .then((result) => results.push(result));
      await settle(scheduler);
      t.is(results.length, 1);
      t.is(results[0]!.kind, 'recovered');
      t.true(fleet.alive.includes(owner(fleet)));
      const orphans = fleet.alive.filter((session) => session !== owner(fleet)).map((session) => session.split('/')[0]);
      t.is(new Set(orphans).size, orphans.length);
    }),
    { numRuns: 150 },
  );
});

test('a DELETE at any moment is never lost: nothing is alive in the end and the session stays ended', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.nat(40), async (scheduler, step) => {
      const fleet = new ModelFleet(lost, ['a', 'b'], (label) => scheduler.schedule(Promise.resolve(), label));
      for (const name of ['one', 'two'])
        void fleet.gateway(name).recover({ record: lost, reason: 'unreachable', headers: [] });
      await settle(scheduler, {
        step,
        run: () => {
          fleet.tombstone();
          fleet.replicas.get(fleet.stored.slot)?.delete(fleet.stored.upstreamId); // the DELETE goes on to whoever has it
        },
      });
      t.true(fleet.stored.isTombstone);
      t.deepEqual(fleet.alive, []);
    }),
    { numRuns: 300 },
  );
});

test('requests of one session share one recovery', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const fleet = new ModelFleet(lost, ['a'], (label) => scheduler.schedule(Promise.resolve(), label)),
        gateway = fleet.gateway('one');
      const first = gateway.recover({ record: lost, reason: 'unreachable', headers: [] });
      const second = gateway.recover({ record: lost, reason: 'unknown-session', headers: [] });
      await settle(scheduler);
      t.is((await first).kind, 'recovered');
      t.is(await second, await first);
      t.is(gateway.inFlight, 0);
    }),
    { numRuns: 20 },
  );
});

test('a request with the right credentials is served, though one with credentials of before has begun the recovery', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), async (scheduler) => {
      const was = { ...lost, credentials: 'old' },
        fleet = new ModelFleet(was, ['a'], (label) => scheduler.schedule(Promise.resolve(), label)),
        gateway = fleet.gateway('one');
      fleet.stored = { ...was, credentials: 'new' };
      // A stream that was opened with the former token, and read the record then.
      const stream = gateway.recover({ record: was, reason: 'unreachable', headers: ['authorization', 'old'] }),
        calls = ['new', 'new'].map((token) =>
          gateway.recover({ record: fleet.stored, reason: 'unreachable', headers: ['authorization', token] }),
        );
      await settle(scheduler);
      t.deepEqual(await stream, { kind: 'refused', reason: 'foreign' });
      for (const call of calls) t.is((await call).kind, 'recovered');
      t.is(gateway.inFlight, 0);
      t.is(fleet.alive.length, 1);
    }),
    { numRuns: 20 },
  );
});
