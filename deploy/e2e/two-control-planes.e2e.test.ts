import test from 'ava';
import { startMesh, type ControlPlane, type Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { holdfast, type Ran } from './holdfast-command.ts';
import { SteadyLoad } from './steady-load.ts';

let mesh: Mesh;
test.before(async (t) => {
  t.timeout(120_000);
  mesh = await startMesh({ gateways: 2, controlPlanes: 2, config: (config) => { (config['controlPlane'] as Record<string, unknown>)['leaseMs'] = 1500; }, servers: { linear: { replicas: { stable: 2, canary: 2 }, weights: { canary: 0 } } } });
});
test.after.always(() => mesh?.close());

interface Status { controlPlane: { isLeader: boolean } }
interface Rollout { phase: { kind: string; index?: number } }
const ask = (plane: ControlPlane, ...args: string[]): Promise<Ran> => holdfast(plane.adminUrl, ...args);
const isLeader = async (plane: ControlPlane): Promise<boolean> => plane.process.isRunning && (JSON.parse((await ask(plane, 'status', '--json')).out) as Status).controlPlane.isLeader;

async function leader(): Promise<ControlPlane> {
  let found: ControlPlane | undefined;
  await waitFor(async () => {
    for (const plane of mesh.controlPlanes) if (await isLeader(plane)) found = plane;
    return found !== undefined;
  }, { what: 'a leader' });
  return found!;
}

const PHASES: Array<[name: string, isThere: (rollout: Rollout) => boolean]> = [
  ['preflight', () => true],
  ['the first step', ({ phase }) => phase.kind === 'step'],
  ['the last step', ({ phase }) => phase.kind === 'step' && phase.index === 1],
  ['the end', ({ phase }) => phase.kind === 'promoted'],
];

for (const [name, isThere] of PHASES) {
  test.serial(`the leading control plane is killed at ${name}: the other one goes on, and no call fails`, async (t) => {
    t.timeout(120_000);
    const load = await new SteadyLoad({ mesh, server: 'linear', sessions: 4, newEveryMs: 120 }).start();
    t.teardown(() => load.stop());
    const leading = await leader(), other = mesh.controlPlanes.find((each) => each !== leading)!;
    const started = await ask(other, 'rollout', 'start', 'linear', '--from', 'stable', '--to', 'canary', '--steps', '30,100', '--interval', '1s', '--step', '2s', '--min-sessions', '1');
    t.is(started.code, 0, started.err);
    await waitFor(async () => isThere(await (await fetch(`${other.adminUrl}/v1/rollouts/linear`)).json() as Rollout), { what: name, everyMs: 20 });
    await leading.process.kill();
    const ended = await ask(other, 'rollout', 'status', 'linear', '--watch');
    t.is(ended.code, 0, ended.err);
    t.is(await leader(), other);
    const events = (await ask(other, 'events', '--kind', 'rollout')).out.split('\n').filter((line) => line.includes('rollout.'));
    const own = events.slice(events.findLastIndex((line) => line.includes('rollout.started')));
    t.is(own.filter((line) => line.includes('rollout.promoted')).length, 1);
    t.is(own.filter((line) => line.includes('rollout.step')).length, 2, own.join('\n'));
    const report = await load.stop();
    t.deepEqual(report.failures, []);
    await leading.process.start();
    t.is((await ask(leading, 'rollout', 'clear', 'linear')).code, 0);
    await waitFor(async () => (JSON.parse((await ask(other, 'replicas', '--backend', 'canary', '--json')).out) as Array<{ weight: number }>).every(({ weight }) => weight === 0), { what: 'the configured weights again' });
  });
}
