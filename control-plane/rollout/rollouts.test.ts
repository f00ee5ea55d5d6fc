import test from 'ava';
import { noCounters, type SloCounters } from '../../proto/slo-window.ts';
import { memoryEventLog } from '../events/memory-event-log.ts';
import { fileSharedState } from '../lease/file-shared-state.ts';
import type { SharedState } from '../lease/shared-state.ts';
import { Rollouts, type ServerView } from './rollouts.ts';
import { sumReports } from './slo-reader.ts';

const TOOLS = [{ name: 'echo' }];
const PLAN = {
  server: 'linear',
  from: 'stable',
  to: 'canary',
  intervalMs: 1000,
  stepMs: 1000,
  minSessions: 0,
  steps: [10, 100],
};

/** Control planes over one shared state, with a clock of their own, ticked by hand. */
async function planes(
  count: number,
  isCounted = true,
): Promise<{
  all: Array<{ rollouts: Rollouts; lead: (isLeader: boolean) => void; changes: number }>;
  world: { now: number; healthy: number | null; counters: SloCounters | null };
  state: SharedState;
  messages: () => Promise<string[]>;
}> {
  const state = await fileSharedState(null),
    events = memoryEventLog(() => world.now);
  const world = { now: 0, healthy: 2 as number | null, counters: noCounters() as SloCounters | null };
  const servers = (): ServerView[] => [
    {
      name: 'linear',
      backends: [
        { name: 'stable', weight: 100, healthy: 2, tools: TOOLS },
        { name: 'canary', weight: 0, healthy: world.healthy, tools: TOOLS },
      ],
    },
  ];
  const all = Array.from({ length: count }, (_, index) => {
    const lease = { isLeader: index === 0, token: index + 1, leader: null, stop: async () => {} };
    const plane = {
      changes: 0,
      lead: (isLeader: boolean) => {
        lease.isLeader = isLeader;
      },
      rollouts: null as unknown as Rollouts,
    };
    plane.rollouts = new Rollouts({
      state,
      lease,
      events,
      servers,
      isCounted,
      now: () => world.now,
      tickMs: 3_600_000,
      onChange: () => {
        plane.changes++;
      },
      slo: async () =>
        world.counters && {
          counters: new Map([
            ['stable', noCounters()],
            ['canary', world.counters],
          ]),
          inFlight: new Map(),
          inFlightByNode: new Map(),
          sinceMs: 0,
        },
    });
    return plane;
  });
  return { all, world, state, messages: async () => (await events.list()).map(({ message }) => message) };
}

test('a rollout runs to its end, every change is an event, and the weights stay until it is cleared', async (t) => {
  const {
    all: [one],
    world,
    messages,
  } = await planes(1);
  const { rollouts } = one!;
  t.true('rollout' in (await rollouts.start(PLAN)));
  for (; world.now < 4000; world.now += 1000) await rollouts.tick();
  t.is(rollouts.current().get('linear')!.phase.kind, 'promoted');
  t.deepEqual(
    [...rollouts.weights().get('linear')!],
    [
      ['stable', 0],
      ['canary', 100],
    ],
  );
  t.deepEqual(
    (await messages()).map((text) => text.replace(/^linear stable → canary: /, '')),
    [
      'canary 10 → 100 % started',
      '10 % of new sessions',
      '100 % of new sessions',
      'promoted: every step met its objectives',
    ],
  );
  t.regex(((await rollouts.command('linear', 'abort')) as { problem: string }).problem, /is over/);
  t.is(await rollouts.clear('linear'), null);
  t.is(rollouts.weights().size, 0);
  await rollouts.stop();
});

test('where nobody counts, a rollout that waits for sessions is refused at once; one that does not says what is not judged', async (t) => {
  const {
    all: [one],
    world,
    messages,
  } = await planes(1, false);
  const { rollouts } = one!;
  world.counters = null;
  const refused = await rollouts.start({ ...PLAN, minSessions: 5 } as typeof PLAN);
  t.regex(
    (refused as { problem: string }).problem,
    /^a step is to see 5 new session\(s\), and without Redis .* nobody counts them: use SESSION_STORE=redis, or minSessions 0 \(--min-sessions 0\)/,
  );
  t.is(rollouts.current().size, 0);
  t.true('rollout' in (await rollouts.start(PLAN)));
  for (; world.now < 4000; world.now += 1000) await rollouts.tick();
  t.is(rollouts.current().get('linear')!.phase.kind, 'promoted');
  t.regex(
    (await messages())[0]!,
    /started; without Redis nobody counts, so errors, p99, initialize and recoveries are not judged$/,
  );
  await rollouts.stop();
});

test('the leader falls silent at each phase: the other control plane goes on from where it was', async (t) => {
  for (let silentAfter = 0; silentAfter < 4; silentAfter++) {
    const {
      all: [one, two],
      world,
    } = await planes(2);
    await one!.rollouts.start(PLAN);
    for (let tick = 0; tick < 8; tick++, world.now += 1000) {
      if (tick === silentAfter) {
        one!.lead(false);
        two!.lead(true);
      }
      if (tick < silentAfter) await one!.rollouts.tick();
      await two!.rollouts.tick();
    }
    t.is(two!.rollouts.current().get('linear')!.phase.kind, 'promoted', `silent after ${silentAfter}`);
    await Promise.all([one!.rollouts.stop(), two!.rollouts.stop()]);
  }
});

test('a former leader that does not know it yet changes nothing', async (t) => {
  const {
    all: [one, two],
    world,
  } = await planes(2);
  await one!.rollouts.start(PLAN);
  two!.lead(true);
  await two!.rollouts.tick();
  world.now = 1000;
  world.counters = { ...noCounters(), calls: 100, faults: 50 };
  await one!.rollouts.tick();
  t.is(one!.rollouts.current().get('linear')!.phase.kind, 'step');
  t.like(one!.rollouts.current().get('linear')!.phase, { failures: 0 });
  await Promise.all([one!.rollouts.stop(), two!.rollouts.stop()]);
});

test('a canary whose replicas die loses its weight at once and is recalled; a follower follows', async (t) => {
  const {
    all: [one, two],
    world,
  } = await planes(2);
  await one!.rollouts.start(PLAN);
  await one!.rollouts.tick();
  world.healthy = 0;
  t.deepEqual(
    [...one!.rollouts.weights().get('linear')!],
    [
      ['stable', 100],
      ['canary', 0],
    ],
  );
  await one!.rollouts.tick();
  await two!.rollouts.tick();
  t.is(two!.rollouts.current().get('linear')!.phase.kind, 'rolled-back');
  t.deepEqual(two!.rollouts.recalls(), [{ server: 'linear', backend: 'canary' }]);
  t.true(two!.changes >= 1);
  await Promise.all([one!.rollouts.stop(), two!.rollouts.stop()]);
});

test('an unknown server or rollout is a problem with its name', async (t) => {
  const {
    all: [one],
  } = await planes(1);
  t.regex(
    ((await one!.rollouts.start({ ...PLAN, server: 'liner' })) as { problem: string }).problem,
    /no server liner; there are linear/,
  );
  t.regex(((await one!.rollouts.command('linear', 'pause')) as { problem: string }).problem, /no rollout of linear/);
  t.regex((await one!.rollouts.clear('linear'))!.problem, /no rollout of linear/);
  await one!.rollouts.stop();
});

test('counters of all gateways are summed; calls in flight of a silent one are not', (t) => {
  const report = (node: string, atMs: number) => ({
    node,
    backend: 'stable',
    startedAtMs: 0,
    atMs,
    counters: { ...noCounters(), calls: 2 },
    inFlight: { a: 1 },
  });
  const view = sumReports([report('g1', 0), report('g2', 99_000)], 100_000);
  t.is(view.counters.get('stable')!.calls, 4);
  t.is(view.inFlight.get('a'), 1);
  t.deepEqual([...view.inFlightByNode], [['g2', 1]]);
});

test('before anybody knows how many replicas are healthy, the weights are the rollout’s, and the leader neither moves on nor back', async (t) => {
  const {
    all: [one, two],
    world,
  } = await planes(2);
  const { rollouts } = one!;
  await rollouts.start(PLAN);
  for (; world.now < 1000; world.now += 500) await rollouts.tick();
  const before = rollouts.current().get('linear');
  t.is(before!.phase.kind, 'step');
  world.healthy = null;
  world.now += 10_000;
  two!.lead(true);
  await two!.rollouts.tick();
  t.deepEqual(
    [...two!.rollouts.weights().get('linear')!],
    [
      ['stable', 90],
      ['canary', 10],
    ],
  );
  t.deepEqual(two!.rollouts.current().get('linear'), before);
  t.regex(
    (
      (await two!.rollouts.start({ ...PLAN, strategy: 'rolling', server: 'linear' } as typeof PLAN)) as {
        problem: string;
      }
    ).problem,
    /under way/,
  );
  await two!.rollouts.command('linear', 'abort');
  t.regex(
    ((await two!.rollouts.start({ ...PLAN, strategy: 'rolling' } as typeof PLAN)) as { problem: string }).problem,
    /does not know the replicas yet; try again/,
  );
  await Promise.all([rollouts.stop(), two!.rollouts.stop()]);
});
