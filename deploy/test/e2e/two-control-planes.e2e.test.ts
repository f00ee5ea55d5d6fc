import test from 'ava';
import { startMesh, type ControlPlane, type Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { holdfast, type Ran } from './holdfast-command.ts';
import { SteadyLoad } from './steady-load.ts';

let mesh: Mesh;
test.before(async (t) => {
  t.timeout(120_000);
  mesh = await startMesh({
    gateways: 2,
    controlPlanes: 2,
    config: (config) => {
      (config['controlPlane'] as Record<string, unknown>)['leaseMs'] = 1500;
    },
    servers: { linear: { replicas: { stable: 2, canary: 2 }, weights: { canary: 0 } } },
  });
});
test.after.always(() => mesh?.close());

interface Status {
  controlPlane: { isLeader: boolean };
}
interface Rollout {
  phase: { kind: string; index?: number };
}
const ask = (plane: ControlPlane, ...args: string[]): Promise<Ran> => holdfast(plane.adminUrl, ...args);
const isLeader = async (plane: ControlPlane): Promise<boolean> =>
  plane.process.isRunning && (JSON.parse((await ask(plane, 'status', '--json')).out) as Status).controlPlane.isLeader;

async function leader(): Promise<ControlPlane> {
  let found: ControlPlane | undefined;
  await waitFor(
    async () => {
      for (const plane of mesh.controlPlanes) if (await isLeader(plane)) found = plane;
      return found !== undefined;
    },
    { what: 'a leader' },
  );
  return found!;
}

/** `event` as often as `times`: it follows the state, and would be lost with a leader that is killed between the two. */
interface Phase {
  name: string;
  isThere: (rollout: Rollout) => boolean;
  event: string;
  times: number /** Long enough to be seen, whoever is paused for a moment. */;
  step: string;
}
const PHASES: Phase[] = [
  { name: 'preflight', isThere: () => true, event: 'rollout.started', times: 1, step: '2s' },
  {
    name: 'the first step',
    isThere: ({ phase }) => phase.kind === 'step',
    event: 'rollout.step',
    times: 1,
    step: '2s',
  },
  {
    name: 'the last step',
    isThere: ({ phase }) => phase.kind === 'step' && phase.index === 1,
    event: 'rollout.step',
    times: 2,
    step: '5s',
  },
  {
    name: 'the end',
    isThere: ({ phase }) => phase.kind === 'promoted',
    event: 'rollout.promoted',
    times: 1,
    step: '2s',
  },
];

/** What was said of the present rollout. */
async function eventsOf(plane: ControlPlane): Promise<string[]> {
  const kinds = (
    (await (await fetch(`${plane.adminUrl}/v1/events?kind=rollout`)).json()) as Array<{ kind: string }>
  ).map(({ kind }) => kind);
  return kinds.slice(kinds.lastIndexOf('rollout.started'));
}

for (const { name, isThere, event, times, step } of PHASES) {
  test.serial(`the leading control plane is killed at ${name}: the other one goes on, and no call fails`, async (t) => {
    t.timeout(120_000);
    const load = await new SteadyLoad({ mesh, server: 'linear', sessions: 4, newEveryMs: 120 }).start();
    t.teardown(() => load.stop());
    const leading = await leader(),
      other = mesh.controlPlanes.find((each) => each !== leading)!;
    const started = await ask(
      other,
      'rollout',
      'start',
      'linear',
      '--from',
      'stable',
      '--to',
      'canary',
      '--steps',
      '30,100',
      '--interval',
      '1s',
      '--step',
      step,
      '--min-sessions',
      '1',
      '--max-p99-ratio',
      '1000',
    );
    t.is(started.code, 0, started.err);
    await waitFor(
      async () => isThere((await (await fetch(`${other.adminUrl}/v1/rollouts/linear`)).json()) as Rollout),
      { what: name, everyMs: 20 },
    );
    await waitFor(async () => (await eventsOf(other)).filter((kind) => kind === event).length >= times, {
      what: `${event} is said`,
    });
    await leading.process.kill();
    const ended = await ask(other, 'rollout', 'status', 'linear', '--watch');
    t.is(ended.code, 0, ended.err);
    t.is(await leader(), other);
    const own = await waitFor(
      async () => {
        const kinds = await eventsOf(other);
        return kinds.includes('rollout.promoted') && kinds;
      },
      { what: 'the end is said' },
    );
    t.is(own.filter((kind) => kind === 'rollout.promoted').length, 1);
    t.is(own.filter((kind) => kind === 'rollout.step').length, 2, own.join('\n'));
    const report = await load.stop();
    t.deepEqual(report.failures, []);
    await leading.process.start();
    t.is((await ask(leading, 'rollout', 'clear', 'linear')).code, 0);
    await waitFor(
      async () =>
        (
          JSON.parse((await ask(other, 'replicas', '--backend', 'canary', '--json')).out) as Array<{ weight: number }>
        ).every(({ weight }) => weight === 0),
      { what: 'the configured weights again' },
    );
  });
}
