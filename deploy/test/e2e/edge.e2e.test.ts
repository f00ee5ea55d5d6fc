import test from 'ava';
import { isListening } from '../mesh/wait-for.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { holdfast } from './holdfast-command.ts';
import { SteadyLoad } from './steady-load.ts';

let mesh: Mesh;
const portOf = (url: string): number => Number(new URL(url).port);

test.before(async (t) => {
  t.timeout(120_000);
  mesh = await startMesh({ gateways: 2, edges: 1, servers: { linear: { replicas: 2 } } });
  await waitFor(async () => (await fetch(`${mesh.edges[0]!.url}/health`)).status === 200, {
    what: 'health through the edge',
  });
});
test.after.always(() => mesh?.close());

const loadThroughEdge = (): Promise<SteadyLoad> =>
  new SteadyLoad({ mesh, server: 'linear', sessions: 6, newEveryMs: 200, entries: [mesh.edges[0]!.url] }).start();

test.serial(
  'behind an edge a gateway is drained and taken in again without a failed call or a lost session',
  async (t) => {
    t.timeout(120_000);
    const load = await loadThroughEdge();
    t.teardown(() => load.stop());
    const [one] = mesh.gateways;
    t.is((await holdfast(mesh.controlPlane.adminUrl, 'drain', '--gateway', 'gateway-1', '--no-wait')).code, 0);
    await waitFor(async () => !(await isListening(portOf(one!.url))), { what: 'gateway-1 takes no connection more' });
    const callsBefore = load.report.calls;
    await waitFor(() => load.report.calls > callsBefore + 100, { what: '100 calls meanwhile' });
    t.is((await holdfast(mesh.controlPlane.adminUrl, 'undrain', '--gateway', 'gateway-1')).code, 0);
    await waitFor(() => isListening(portOf(one!.url)), { what: 'gateway-1 listens again' });
    const report = await load.stop();
    t.deepEqual(report.failures, []);
    t.log(`${report.calls} calls`);
  },
);

test.serial('behind an edge a session goes on when its gateway is stopped, and when it is back', async (t) => {
  t.timeout(120_000);
  const load = await loadThroughEdge();
  t.teardown(() => load.stop());
  const [, two] = mesh.gateways;
  // SIGTERM: Envoy closes its connections; requests in flight on them may fail, and any other must not.
  await two!.envoy.process.stop();
  const callsBefore = load.report.calls;
  await waitFor(() => load.report.calls > callsBefore + 100, { what: '100 calls without gateway-2' });
  await two!.envoy.process.start();
  await waitFor(async () => (await fetch(`${two!.url}/health`)).status === 200, { what: 'gateway-2 back' });
  const report = await load.stop();
  // One of each lasting session at most, and one of the newcomer's.
  t.true(report.failures.length <= 7, report.failures.join('\n'));
  t.log(`${report.calls} calls, ${report.failures.length} in flight on the stopped gateway`);
});
