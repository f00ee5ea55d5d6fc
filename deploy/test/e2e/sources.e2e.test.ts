import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { kubeconfigText } from '../../../control-plane/kubernetes/testing/kubeconfig.ts';
import { FakeDnsServer } from '../../../control-plane/discovery/testing/fake-dns-server.ts';
import { FakeWatchApi } from '../../../control-plane/discovery/testing/fake-watch-api.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { temporaryFolder } from '../mesh/temporary-folder.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { holdfast } from './holdfast-command.ts';
import { SteadyLoad } from './steady-load.ts';

const SERVERS = ['listed', 'filed', 'named', 'kube'] as const;
type Server = (typeof SERVERS)[number];

let mesh: Mesh;
const dns = await new FakeDnsServer().start(),
  kubernetes = await new FakeWatchApi().start(),
  folder = await temporaryFolder();
const program = 'deploy/test/servers/linear/main.ts';

/** How each kind of source is told which replicas there are. */
const tell: Record<Server, (addresses: readonly string[]) => Promise<void>> = {
  listed: (addresses) =>
    mesh.writeConfig((config) => {
      config.servers.find(({ name }) => name === 'listed')!.backends[0]!.replicas = addresses.map((address) => ({
        address,
        name: address,
      }));
    }),
  async filed(addresses) {
    await writeFile(join(folder.path, 'next'), JSON.stringify(addresses));
    await rename(join(folder.path, 'next'), join(folder.path, 'replicas.json'));
  },
  async named(addresses) {
    dns.zone.set('A replica.test', [{ ttl: 1, address: '127.0.0.1' }]);
    dns.zone.set(
      'SRV _mcp._tcp.test',
      addresses.map((address) => ({
        ttl: 1,
        priority: 1,
        port: Number(address.split(':')[1]),
        target: 'replica.test',
      })),
    );
  },
  async kube(addresses) {
    const wanted = addresses.map((address) => address.split(':')[1]!);
    for (const port of wanted) {
      if (!kubernetes.has(`slice-${port}`))
        kubernetes.put(
          `slice-${port}`,
          {
            addressType: 'IPv4',
            ports: [{ name: 'mcp', port: Number(port) }],
            endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
          },
          'kube',
        );
    }
    for (const name of kubernetes.names()) if (!wanted.includes(name.replace('slice-', ''))) kubernetes.delete(name);
  },
};

test.before(async (t) => {
  t.timeout(180_000);
  const kubeconfig = join(folder.path, 'kubeconfig');
  await writeFile(kubeconfig, kubeconfigText(kubernetes.url));
  const sources = {
    filed: { type: 'file', path: join(folder.path, 'replicas.json') },
    named: { type: 'dns', name: '_mcp._tcp.test', record: 'SRV', resolvers: [dns.address], minRefreshMs: 100 },
    kube: { type: 'kubernetes', service: 'kube', kubeconfig },
  };
  const found: Array<Promise<void>> = [];
  mesh = await startMesh({
    gateways: 1,
    servers: Object.fromEntries(SERVERS.map((name) => [name, { replicas: 3, program }])),
    config(config) {
      for (const server of config.servers) {
        const source = sources[server.name as keyof typeof sources],
          [backend] = server.backends;
        if (!source) continue;
        found.push(tell[server.name as Server](backend!.replicas.map(({ address }) => address)));
        delete (backend as Partial<typeof backend>)!.replicas;
        backend!['discovery'] = source;
      }
    },
  });
  await Promise.all(found);
});
test.after.always(async () => {
  await mesh?.close();
  dns.stop();
  await kubernetes.stop();
  await folder.remove();
});

async function known(server: Server): Promise<string[]> {
  const replicas = (await (await fetch(`${mesh.controlPlane.adminUrl}/v1/replicas?server=${server}`)).json()) as Array<{
    address: string;
    weight: number;
  }>;
  return replicas
    .filter(({ weight }) => weight > 0)
    .map(({ address }) => address)
    .sort();
}

for (const server of SERVERS) {
  test.serial(
    `${server}: a replica is taken out of its source and put back, and no call fails`,
    async (t: ExecutionContext) => {
      t.timeout(120_000);
      const all = mesh
        .replicasOf(server)
        .map(({ address }) => address)
        .sort();
      const load = await new SteadyLoad({ mesh, server, sessions: 6, newEveryMs: 200 }).start();
      t.teardown(() => load.stop());
      for (const addresses of [all.slice(0, 2), all, all.slice(1), all]) {
        await tell[server](addresses);
        await waitFor(async () => String(await known(server)) === String(addresses), {
          what: `${server} has ${addresses.length} replicas`,
        });
        await load.round();
      }
      const report = await load.stop();
      t.deepEqual(report.failures, []);
      t.log(`${report.calls} calls`);
    },
  );
}

test.serial('a source that fails keeps its replicas and is said', async (t) => {
  t.timeout(60_000);
  const before = await known('named');
  dns.failsWith = 2;
  await waitFor(
    async () =>
      (await holdfast(mesh.controlPlane.adminUrl, 'status')).out.includes(
        'named/stable: DNS SRV _mcp._tcp.test: the name server failed',
      ),
    { what: 'the problem' },
  );
  t.deepEqual(await known('named'), before);
  dns.failsWith = null;
});
