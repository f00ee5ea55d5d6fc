import test, { type ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { freePort } from '../../deploy/test/mesh/free-port.ts';
import type { Refusal } from './ads-stream.ts';
import { startEnvoy } from './testing/test-envoy.ts';
import { cluster, endpoints, listener, routes, snapshotOf, type Parts } from './testing/test-resources.ts';
import { XdsServer } from './xds-server.ts';

const KEY = 'gateway/envoy-1';

async function serve(t: ExecutionContext, parts: Parts, port = 0) {
  const registry = new Registry(),
    refusals: Refusal[] = [];
  const server = new XdsServer({ registry });
  server.on('nack', (refusal) => refusals.push(refusal));
  server.setSnapshot(KEY, snapshotOf(parts));
  const bound = await server.listen(`127.0.0.1:${port}`);
  t.teardown(() => server.close());
  const count = async (metric: string, type: string, label = '') => {
    const line = (await registry.getSingleMetricAsString(`holdfast_xds_${metric}`))
      .split('\n')
      .find((text) => text.includes(`type="${type}"${label}`));
    return Number(line?.split(' ').at(-1) ?? 0);
  };
  return { server, port: bound, refusals, count };
}

const meshOf = (listenerPort: number, clusters: string[], extra: Record<string, unknown> = {}): Parts => ({
  cluster: clusters.map((name) => cluster(name, extra)),
  endpoints: clusters.map((name) => endpoints(name, 1)),
  listener: [listener('mcp', listenerPort, 'mcp')],
  routes: [routes('mcp', ...clusters)],
});

test('a real Envoy accepts everything, follows additions, changes and removals, and refuses nothing', async (t) => {
  const port = await freePort();
  const control = await serve(t, meshOf(port, ['a', 'b']));
  const envoy = await startEnvoy(control.port);
  t.teardown(envoy.stop);
  await envoy.until('listener_manager.total_listeners_active', (n) => n === 1);
  await envoy.until('http.test.rds.mcp.update_success', (n) => n === 1);
  const status = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).status;
  t.is(await status('/a'), 503, 'a dead endpoint');
  t.is(await status('/c'), 404);

  control.server.setSnapshot(KEY, snapshotOf(meshOf(port, ['a', 'c'])));
  await envoy.until('cluster_manager.cluster_removed', (n) => n === 1);
  t.is(await status('/c'), 503);
  t.is(await status('/b'), 404);

  control.server.setSnapshot(
    KEY,
    snapshotOf({ ...meshOf(port, ['a', 'c']), endpoints: [endpoints('a', 1), endpoints('c', 1, 2)] }),
  );
  await envoy.until('cluster.c.membership_total', (n) => n === 2);
  for (const name of ['cluster_manager.cds', 'listener_manager.lds', 'http.test.rds.mcp', 'cluster.c'])
    t.is(await envoy.stat(`${name}.update_rejected`), 0, name);
  t.deepEqual(control.refusals, []);
});

test('a changed cluster is warm at once: its endpoints are answered again although nothing changed', async (t) => {
  const control = await serve(t, meshOf(await freePort(), ['a']));
  const envoy = await startEnvoy(control.port);
  t.teardown(envoy.stop);
  await envoy.until('listener_manager.total_listeners_active', (n) => n === 1);
  const began = Date.now();
  control.server.setSnapshot(KEY, snapshotOf(meshOf(await freePort(), ['a'], { connect_timeout: '7s' })));
  await envoy.until('cluster_manager.cluster_modified', (n) => n === 1);
  await envoy.until('cluster_manager.warming_clusters', (n) => n === 0);
  t.log(
    `warm after ${Date.now() - began} ms, with ${await control.count('pushes_total', 'ClusterLoadAssignment')} responses of endpoints`,
  );
  await envoy.until('cluster.a.membership_total', (n) => n === 1);
  // Envoy's own time limit for endpoints that do not come is 15 s.
  t.true(Date.now() - began < 10_000);
});

test('a resource that Envoy refuses is refused once; what was good beside it arrives', async (t) => {
  const port = await freePort();
  const control = await serve(t, meshOf(port, ['a']));
  const envoy = await startEnvoy(control.port);
  t.teardown(envoy.stop);
  await envoy.until('listener_manager.total_listeners_active', (n) => n === 1);
  const bad = meshOf(port, ['a', 'good', 'bad']);
  bad.cluster![2]!['circuit_breakers'] = { thresholds: [{ retry_budget: { budget_percent: { value: 150 } } }] };
  control.server.setSnapshot(KEY, snapshotOf(bad));
  while (!control.refusals.some(({ isFinal }) => isFinal))
    await new Promise((resolve) => control.server.once('nack', resolve));
  await envoy.until('cluster.good.membership_total', (n) => n === 1);
  t.deepEqual(
    control.refusals.filter(({ isFinal }) => isFinal).map(({ resources }) => resources),
    [['bad']],
  );
  t.regex(control.refusals[0]!.reason, /bad/);
  const rejected = await envoy.stat('cluster_manager.cds.update_rejected');
  control.server.setSnapshot(
    KEY,
    snapshotOf({ ...bad, endpoints: [endpoints('a', 1, 2), endpoints('good', 1), endpoints('bad', 1)] }),
  );
  await envoy.until('cluster.a.membership_total', (n) => n === 2);
  t.is(await envoy.stat('cluster_manager.cds.update_rejected'), rejected);
  t.is(control.refusals.filter(({ isFinal }) => isFinal).length, 1);
});

test('Envoy restarted gets everything again; the control plane restarted sends nothing that Envoy has', async (t) => {
  const port = await freePort();
  const parts = meshOf(port, ['a', 'b']);
  const control = await serve(t, parts);
  const first = await startEnvoy(control.port);
  t.teardown(first.stop);
  await first.until('http.test.rds.mcp.update_success', (n) => n === 1);
  await first.stop();
  const envoy = await startEnvoy(control.port);
  t.teardown(envoy.stop);
  await envoy.until('http.test.rds.mcp.update_success', (n) => n === 1);

  await control.server.close();
  const next = await serve(t, parts, control.port);
  await new Promise<void>((resolve) => next.server.once('connect', () => resolve()));
  next.server.setSnapshot(KEY, snapshotOf({ ...parts, endpoints: [endpoints('a', 1, 2, 3), endpoints('b', 1)] }));
  await envoy.until('cluster.a.membership_total', (n) => n === 3);
  t.deepEqual(
    await Promise.all([
      next.count('pushed_resources_total', 'Cluster'),
      next.count('pushed_resources_total', 'Listener'),
      next.count('pushed_resources_total', 'RouteConfiguration'),
      next.count('pushed_resources_total', 'ClusterLoadAssignment'),
    ]),
    [0, 0, 0, 1],
  );
});

test('what changed while no control plane ran arrives at once when one is back, clusters included', async (t) => {
  const port = await freePort();
  const control = await serve(t, meshOf(port, ['a', 'b']));
  const envoy = await startEnvoy(control.port);
  t.teardown(envoy.stop);
  await envoy.until('http.test.rds.mcp.update_success', (n) => n === 1);
  // In the middle of an update: the changed clusters are written, and the process goes.
  control.server.setSnapshot(KEY, snapshotOf(meshOf(port, ['a', 'b', 'c'], { connect_timeout: '3s' })));
  await control.server.close();
  await serve(t, meshOf(port, ['a', 'c'], { connect_timeout: '4s' }), control.port);
  const began = Date.now();
  await envoy.until('cluster_manager.cluster_removed', (n) => n === 1);
  await envoy.until('cluster_manager.warming_clusters', (n) => n === 0);
  await envoy.until('http.test.rds.mcp.update_success', (n) => n >= 2);
  t.is((await fetch(`http://127.0.0.1:${port}/c`)).status, 503, 'a dead endpoint');
  t.is(await envoy.stat('cluster.c.membership_total'), 1);
  t.true(Date.now() - began < 10_000);
  for (const name of ['cluster_manager.cds', 'listener_manager.lds', 'http.test.rds.mcp'])
    t.is(await envoy.stat(`${name}.update_rejected`), 0, name);
});
