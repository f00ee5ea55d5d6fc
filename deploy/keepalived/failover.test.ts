import { readFileSync } from 'node:fs';
import { copyFile, chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { parse, stringify } from 'yaml';
import { renderBootstrap } from '../../envoy/bootstrap.ts';
import { readBootstrapTemplate } from '../../envoy/bootstrap-template.ts';
import { connectClient } from '../test/clients/connect-client.ts';
import { ManagedProcess } from '../test/mesh/managed-process.ts';
import { startMesh } from '../test/mesh/start-mesh.ts';
import { waitFor } from '../test/mesh/wait-for.ts';
import { testWith } from '../test/test-with.ts';
import { ensureEnvoy } from '../setup/binaries.ts';
import { keepalivedConfig } from './config.ts';
import { startNetwork, whyNoNetwork } from './network.ts';

/** Asked before the first test is declared: ava takes no declaration after an await. */
const whyNot = await whyNoNetwork();
const PORT = 8080;
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const options = {
  role: 'primary',
  interface: 'eth0',
  virtualAddress: '10.0.0.100/24',
  own: '10.0.0.11',
  peer: '10.0.0.12',
  routerId: 51,
  port: 80,
  checkScript: '/etc/keepalived/check-edge.sh',
  user: 'nobody',
} as const;

test('the configuration names both machines, and what can’t work is refused by name', (t) => {
  const text = keepalivedConfig(options);
  for (const part of ['priority 150', 'unicast_src_ip 10.0.0.11', '10.0.0.100/24 dev eth0', 'check-edge.sh 80'])
    t.true(text.includes(part), part);
  t.regex(keepalivedConfig({ ...options, role: 'standby' }), /priority 100/);
  t.throws(() => keepalivedConfig({ ...options, virtualAddress: '10.0.0.100' }), { message: /^virtualAddress: / });
  t.throws(() => keepalivedConfig({ ...options, peer: '10.0.0.11' }), { message: /^peer: .* is this machine itself/ });
  t.throws(() => keepalivedConfig({ ...options, routerId: 0 }), { message: /^routerId: / });
  t.throws(() => keepalivedConfig({ ...options, interface: 'eth0; rm' }), { message: /^interface: / });
});

testWith(
  `network namespaces and keepalived: ${whyNot}`,
  whyNot === null,
  'the primary edge dies: the address moves to the standby, and live sessions go on with their next request',
  async (t) => {
    const network = await startNetwork();
    t.teardown(network.close);
    const mesh = await startMesh();
    t.teardown(mesh.close);
    const processes: ManagedProcess[] = [];
    t.teardown(async () => {
      await Promise.all(processes.map((each) => each.kill()));
    });
    const start = async (
      name: string,
      command: string,
      args: string[],
      isReady: (log: string) => boolean,
    ): Promise<ManagedProcess> => {
      const logFile = join(mesh.folder, `${name}.log`);
      const one = new ManagedProcess({
        name,
        command,
        args,
        logFile,
        isReady: async () => isReady(readFileSync(logFile, 'utf8')),
      });
      processes.push(one);
      await one.start();
      return one;
    };
    // The mesh listens on loopback alone: what the edges speak to is led there, from the loopback of their machines.
    const ports = [mesh.controlPlane.xds, ...mesh.gateways.map(({ url }) => new URL(url).host)].map(
      (address) => address.split(':')[1]!,
    );
    await start(
      'forward',
      process.execPath,
      [here('forward.ts'), ...ports.map((port) => `${network.own}:${port}=127.0.0.1:${port}`)],
      (log) => log.includes('ready'),
    );
    const virtualAddress = `${network.subnet}.100`;
    // A path that whoever runs the check may read.
    const checkScript = join(mesh.folder, 'check-edge.sh');
    await copyFile(here('check-edge.sh'), checkScript);
    await chmod(mesh.folder, 0o755);
    const edges: ManagedProcess[] = [];
    for (const [index, { namespace, address }] of network.machines.entries()) {
      const inside = ['netns', 'exec', namespace];
      await start(
        `forward ${index}`,
        'ip',
        [
          ...inside,
          process.execPath,
          here('forward.ts'),
          ...ports.map((port) => `127.0.0.1:${port}=${network.own}:${port}`),
        ],
        (log) => log.includes('ready'),
      );
      const file = join(mesh.folder, `edge ${index}.yaml`);
      const bootstrap = renderBootstrap(readBootstrapTemplate(), {
        nodeId: `edge-${index}`,
        role: 'edge',
        listen: `0.0.0.0:${PORT}`,
        extProc: [],
        relay: [],
        controlPlanes: [mesh.controlPlane.xds],
        admin: '127.0.0.1:9901',
      });
      await writeFile(file, stringify(parse(bootstrap), { lineWidth: 0 }));
      edges.push(
        await start(
          `edge ${index}`,
          'ip',
          [
            ...inside,
            await ensureEnvoy(),
            '-c',
            file,
            '--concurrency',
            '1',
            '--disable-hot-restart',
            '--log-level',
            'info',
          ],
          (log) => log.includes('all dependencies initialized'),
        ),
      );
      const config = join(mesh.folder, `keepalived ${index}.conf`);
      await writeFile(
        config,
        keepalivedConfig({
          ...options,
          role: index === 0 ? 'primary' : 'standby',
          virtualAddress: `${virtualAddress}/24`,
          own: address,
          peer: network.machines[1 - index]!.address,
          port: PORT,
          checkScript,
          user: 'root',
        }),
      );
      await start(
        `keepalived ${index}`,
        'ip',
        [
          ...inside,
          'keepalived',
          '--dont-fork',
          '--log-console',
          '--use-file',
          config,
          '--pid',
          `${config}.pid`,
          '--vrrp_pid',
          `${config}.vrrp.pid`,
          '--checkers_pid',
          `${config}.checkers.pid`,
        ],
        (log) => (index === 0 ? log.includes('Entering MASTER STATE') : log.includes('Entering BACKUP STATE')),
      );
    }
    const url = `http://${virtualAddress}:${PORT}`;
    await waitFor(async () => (await fetch(`${url}/health`)).ok, {
      what: 'the edge at the virtual address',
      timeoutMs: 30_000,
    });
    const clients = await Promise.all(
      Array.from({ length: 5 }, () => connectClient({ kind: 'v1', url: `${url}/mcp/linear` })),
    );
    t.teardown(() => Promise.all(clients.map((client) => client.close().catch(() => undefined))).then(() => undefined));
    const homeOf = async (client: (typeof clients)[number]): Promise<string> =>
      ((await client.callTool('whoami')).data as { sessionId: string }).sessionId;
    const before = await Promise.all(clients.map(homeOf));

    const killedMs = Date.now();
    await edges[0]!.kill();
    await waitFor(async () => (await fetch(`${url}/health`, { signal: AbortSignal.timeout(500) })).ok, {
      what: 'the address moves',
      timeoutMs: 30_000,
    });
    t.log(`served again ${Date.now() - killedMs} ms after the primary was killed`);
    t.deepEqual(await Promise.all(clients.map(homeOf)), before, 'the same sessions, at the same replicas');
  },
);
