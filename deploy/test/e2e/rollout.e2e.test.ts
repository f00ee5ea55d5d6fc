import test from 'ava';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { holdfast, type Ran } from './holdfast-command.ts';
import { SteadyLoad, type LoadReport } from './steady-load.ts';

let mesh: Mesh;
const run = (...args: string[]): Promise<Ran> => holdfast(mesh.controlPlane.adminUrl, ...args);
const isCanary = (replica: string): boolean => replica.includes('canary');
const isBroken = (replica: string): boolean => replica.includes('broken');
/** On a shared machine one pause in a few seconds is the p99 of a backend: latencies are judged elsewhere (control-plane/rollout), not here. */
const ANY_P99 = ['--max-p99-ratio', '1000'];
const INTERVAL = ['--interval', '2s', '--step', '2s', '--min-sessions', '1', ...ANY_P99];

test.before(async (t) => {
  t.timeout(120_000);
  mesh = await startMesh({
    gateways: 2,
    servers: {
      linear: {
        replicas: { stable: 2, canary: 2, broken: 1 },
        weights: { canary: 0, broken: 0 },
        backendArgs: { broken: ['--tool-error-rate', '0.05'] },
      },
    },
  });
});
test.after.always(() => mesh?.close());
test.serial.afterEach.always(async () => {
  await run('rollout', 'abort', 'linear');
  await run('rollout', 'clear', 'linear');
  const weight = async () =>
    (
      await Promise.all(
        ['canary', 'broken'].map(
          async (backend) =>
            JSON.parse((await run('replicas', '--backend', backend, '--json')).out) as Array<{
              weight: number;
              state: string;
            }>,
        ),
      )
    ).flat();
  await waitFor(async () => (await weight()).every((each) => each.weight === 0 && each.state === 'standby'), {
    what: 'the configured weights again',
  });
});

const begun = (report: LoadReport, onNew: boolean): number =>
  [...report.begun]
    .filter(([replica]) => (isCanary(replica) || isBroken(replica)) === onNew)
    .reduce((sum, [, count]) => sum + count, 0);

/** How likely it is that at least so many of all are chosen, each with this probability. */
function chanceOf(many: number, all: number, probability: number): number {
  let sum = 0;
  for (
    let chosen = 0, each = (1 - probability) ** all;
    chosen <= all;
    each *= ((all - chosen) / (chosen + 1)) * (probability / (1 - probability)), chosen++
  ) {
    if (chosen >= many) sum += each;
  }
  return sum;
}

test.serial('blue-green: all new sessions move at once, those that are stay, none is lost', async (t) => {
  t.timeout(120_000);
  const load = await new SteadyLoad({ mesh, server: 'linear', sessions: 6, newEveryMs: 150 }).start();
  t.teardown(() => load.stop());
  const ran = await run(
    'rollout',
    'start',
    'linear',
    '--from',
    'stable',
    '--to',
    'canary',
    '--strategy',
    'blue-green',
    ...INTERVAL,
    '--wait',
  );
  t.is(ran.code, 0, ran.err);
  t.regex(ran.out, /promoted/);
  const report = await load.stop();
  t.deepEqual(report.failures, []);
  t.true(begun(report, true) > 0);
  t.true(
    report.homes.every((home) => !isCanary(home)),
    'a rollout moves new sessions only',
  );
});

test.serial('a good canary goes 10, 50, 100 and is promoted', async (t) => {
  t.timeout(180_000);
  const load = await new SteadyLoad({ mesh, server: 'linear', sessions: 4, newEveryMs: 60 }).start();
  t.teardown(() => load.stop());
  const ran = await run('rollout', 'start', 'linear', '--from', 'stable', '--to', 'canary', ...INTERVAL, '--wait');
  t.is(ran.code, 0, ran.err);
  t.regex(ran.err, /: (10|50|100) %: /, 'how far it is');
  const events = (await run('events', '--kind', 'rollout')).out.split('\n'),
    own = events.slice(events.findLastIndex((line) => line.includes('rollout.started')));
  t.deepEqual(
    own.flatMap((line) => (line.includes('rollout.step') ? [/(\d+) % of new sessions/.exec(line)?.[1]] : [])),
    ['10', '50', '100'],
  );
  const report = await load.stop();
  t.deepEqual(report.failures, []);
  t.log(`${begun(report, true)} of ${begun(report, true) + begun(report, false)} sessions began on the canary`);
});

test.serial(
  'a canary whose tools fail 5 % of calls is rolled back within two analyses, and its sessions are recalled',
  async (t) => {
    t.timeout(180_000);
    const load = new SteadyLoad({ mesh, server: 'linear', sessions: 30, everyMs: 40, newEveryMs: 40, newcomers: 4 });
    t.teardown(() => load.stop());
    // The lasting sessions begin during the first step, so that the canary has its share of them.
    const started = await run(
      'rollout',
      'start',
      'linear',
      '--from',
      'stable',
      '--to',
      'broken',
      '--interval',
      '6s',
      '--step',
      '60s',
      '--min-sessions',
      '1',
      ...ANY_P99,
    );
    t.is(started.code, 0, started.err);
    await waitFor(async () => (await run('rollout', 'status')).out.includes('10 %'), { what: 'the first step' });
    const startMs = Date.now();
    await load.start();
    const ended = await run('rollout', 'status', 'linear', '--watch');
    const tookMs = Date.now() - startMs,
      exposed = begun(load.report, true),
      all = exposed + begun(load.report, false);
    t.is(ended.code, 1);
    t.regex(ended.err, /not promoted: .* calls failed/);
    await waitFor(() => Promise.resolve(load.homes().every((home) => !isBroken(home))), {
      what: 'recalled sessions on stable',
      timeoutMs: 30_000,
    });
    const report = await load.stop();
    t.deepEqual(report.failures, []);
    t.true(report.toolErrors > 0);
    t.log(
      `rolled back after ${(tookMs / 1000).toFixed(1)} s of 6 s intervals; ${exposed} of ${all} sessions began on the canary; ${report.toolErrors} tool errors in ${report.calls} calls`,
    );
    t.true(chanceOf(exposed, all, 0.1) > 1e-7, `about a tenth of new sessions was exposed: ${exposed} of ${all}`);
  },
);
