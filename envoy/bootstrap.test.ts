import { readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { parse } from 'yaml';
import { ensureEnvoy } from '../deploy/setup/binaries.ts';
import { prepareEnvoy } from '../deploy/test/mesh/start-envoy.ts';
import { freePorts } from '../deploy/test/mesh/free-port.ts';
import { temporaryFolder } from '../deploy/test/mesh/temporary-folder.ts';
import { waitFor } from '../deploy/test/mesh/wait-for.ts';
import { runCommand } from '../deploy/setup/run-command.ts';
import { renderBootstrap, type BootstrapOptions } from './bootstrap.ts';
import { readBootstrapTemplate } from './bootstrap-template.ts';

const template = readBootstrapTemplate();
const gateway: BootstrapOptions = {
  nodeId: 'gateway-1',
  role: 'gateway',
  listen: '127.0.0.1:37373',
  extProc: ['unix:/run/holdfast/a.sock', '127.0.0.1:7801'],
  relay: ['127.0.0.1:7901', '127.0.0.1:7902'],
  controlPlanes: ['localhost:18000', '127.0.0.1:18001'],
  admin: '127.0.0.1:9901',
};
const edge: BootstrapOptions = {
  nodeId: 'edge-1',
  role: 'edge',
  listen: '[::]:80',
  extProc: [],
  relay: [],
  controlPlanes: ['[::1]:18000'],
  admin: 'unix:/run/holdfast/edge.sock',
};

for (const [name, options] of Object.entries({ gateway, edge })) {
  const file = new URL(`golden/${name}.yaml`, import.meta.url);
  test(`the bootstrap of a ${name} is the golden one`, (t) => {
    const rendered = renderBootstrap(template, options);
    if (process.env['UPDATE_GOLDEN']) writeFileSync(file, rendered);
    t.is(rendered, readFileSync(file, 'utf8'));
  });

  test(`Envoy accepts the bootstrap of a ${name}`, async (t) => {
    const result = await runCommand(
      await ensureEnvoy(),
      ['--mode', 'validate', '--disable-hot-restart', '--log-level', 'error', '--config-path', file.pathname],
      60_000,
    );
    t.is(result.kind, 'done', result.kind === 'failed' ? result.why : '');
  });
}

test('metrics on [::] are there for IPv4 as well', (t) => {
  const compatible = (metrics: string): boolean =>
    renderBootstrap(template, { ...gateway, metrics }).includes('ipv4_compat: true');
  t.true(compatible('[::]:9902'));
  for (const metrics of ['0.0.0.0:9902', '[::1]:9902']) t.false(compatible(metrics), metrics);
});

test('what would let others in is refused by name: the admin interface off loopback, a control plane that shows no certificate', (t) => {
  for (const admin of ['0.0.0.0:9901', '[::]:9901', '10.0.0.5:9901', '127.0.0.1.evil.example:9901'])
    t.throws(() => renderBootstrap(template, { ...gateway, admin }), { message: /^admin: .*127\.0\.0\.1:9901/ }, admin);
  for (const admin of ['127.0.0.9:1', '[::1]:1', 'localhost:1', 'unix:/run/a.sock'])
    t.notThrows(() => renderBootstrap(template, { ...gateway, admin }), admin);
  const controlPlanes = ['127.0.0.1:1', 'control-plane:18000'];
  t.throws(() => renderBootstrap(template, { ...gateway, controlPlanes }), {
    message: /^controlPlanes: control-plane:18000 is off loopback.*holdfast certs init/,
  });
  const controlPlaneTls = { certificateFile: 'a.crt', keyFile: 'a.key', caFile: 'ca.crt', trustDomain: 'm.example' };
  const rendered = renderBootstrap(template, { ...gateway, controlPlanes, controlPlaneTls });
  t.true(rendered.includes('spiffe://m[.]example/control-plane/'), 'Envoy itself looks for the name');
});

test('node metadata tells the control plane what only this node knows', (t) => {
  const { node } = parse(renderBootstrap(template, gateway));
  t.deepEqual(node, {
    id: 'gateway-1',
    cluster: 'holdfast',
    metadata: { holdfast: { role: 'gateway', listen: gateway.listen, extProc: gateway.extProc, relay: gateway.relay } },
  });
});

test('Prometheus can read statistics and nothing else, where the bootstrap says so', async (t) => {
  const folder = await temporaryFolder();
  t.teardown(folder.remove);
  const [adminPort, metricsPort] = (await freePorts(2)) as [number, number];
  // Without a control plane no listener opens, this one neither: a gateway without a configuration counts as down.
  const { dynamic_resources: _, ...config } = parse(
    renderBootstrap(template, {
      ...gateway,
      controlPlanes: ['127.0.0.1:1'],
      admin: `127.0.0.1:${adminPort}`,
      metrics: `127.0.0.1:${metricsPort}`,
    }),
  );
  const envoy = await prepareEnvoy({ config, adminPort, folder: folder.path });
  t.teardown(() => envoy.close());
  await envoy.process.start();
  const ask = (path: string, method = 'GET') =>
    fetch(`http://127.0.0.1:${metricsPort}${path}`, { method }).catch(() => undefined);
  await waitFor(async () => (await ask('/stats/prometheus'))?.status === 200, { what: 'statistics' });
  t.regex(await (await ask('/stats/prometheus'))!.text(), /^envoy_server_uptime/m);
  for (const path of ['/quitquitquit', '/config_dump', '/', '/stats/prometheus/../../config_dump'])
    t.is((await ask(path))?.status, 404, path);
  t.is((await ask('/stats/prometheus', 'POST'))?.status, 404);
});

test('limits can be set', (t) => {
  const { overload_manager: overload } = parse(
    renderBootstrap(template, { ...gateway, heapLimitBytes: 7, maxConnections: 9 }),
  );
  t.is(overload.resource_monitors[0].typed_config.max_heap_size_bytes, 7);
  t.is(overload.resource_monitors[1].typed_config.max_active_downstream_connections, 9);
});

test('an option that cannot work is refused with its name', (t) => {
  t.throws(() => renderBootstrap(template, { ...gateway, admin: '127.0.0.1' }), {
    message: /^admin: “127\.0\.0\.1” is not an address/,
  });
  t.throws(() => renderBootstrap(template, { ...gateway, extProc: [`unix:/${'x'.repeat(100)}`] }), {
    message: /^extProc: the socket path has 101 characters/,
  });
  t.throws(() => renderBootstrap(template, { ...gateway, relay: ['127.0.0.1:99999'] }), { message: /^relay/ });
  t.throws(() => renderBootstrap(template, { ...gateway, controlPlanes: [] }), { message: /^controlPlanes is empty/ });
  t.throws(() => renderBootstrap(template, { ...gateway, nodeId: '' }), { message: /^nodeId is empty/ });
});
