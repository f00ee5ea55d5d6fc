import type { Objective } from '../../report/objectives.ts';
import { exactly } from '../../report/objectives.ts';
import type { Composition } from './composition.ts';
import { mustRun, run } from './run-docker.ts';

interface Inspected {
  Name: string;
  Config: { User: string; Labels: Record<string, string> };
  HostConfig: {
    ReadonlyRootfs: boolean;
    PortBindings: Record<string, unknown> | null;
    Memory: number;
    RestartPolicy: { Name: string };
    CapDrop: string[] | null;
  };
  Mounts: Array<{ Name?: string }>;
  State: { Running: boolean; Pid: number };
  NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
}

/** Published on purpose: the edges; Prometheus and Alertmanager by this test alone. */
const PUBLISHED = new Set(['edge', 'edge-standby', 'prometheus', 'alertmanager']);
const ADMIN_PORTS = { 'gateway-2': [9901], edge: [9901], 'control-plane-1': [18001], redis: [6379] } as const;

const listed = (names: readonly string[]): string => (names.length === 0 ? 'none' : names.join(', '));

/** Nothing runs as root, nothing can write where it should not, and nobody outside reaches what operators use. */
export async function hardening(composition: Composition): Promise<Objective[]> {
  const all = JSON.parse(await mustRun('docker', ['inspect', ...(await composition.containers())])) as Inspected[];
  const running = all.filter(({ State }) => State.Running);
  const serviceOf = ({ Config }: Inspected): string => Config.Labels['com.docker.compose.service']!;
  const asRoot: string[] = [],
    writable: string[] = [],
    foreignKeys: string[] = [];
  for (const one of running) {
    const users = (await mustRun('docker', ['top', one.Name.slice(1), '-eo', 'pid,uid']))
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/)[1]);
    if (users.some((user) => user === '0')) asRoot.push(serviceOf(one));
    if (
      (
        await run('docker', [
          'exec',
          one.Name.slice(1),
          'sh',
          '-c',
          'touch /written || touch /usr/written || touch /etc/written',
        ])
      ).exitCode === 0
    )
      writable.push(serviceOf(one));
    // Both edges serve clients as `edge`; a sidecar is its gateway.
    const own = new Set([
      `${serviceOf(one)
        .replace(/-sidecar$/, '')
        .replace(/^control-plane-\d$/, 'control-plane')
        .replace(/^redis-replica$/, 'redis')}.key`,
      ...(serviceOf(one) === 'edge-standby' ? ['edge.key'] : []),
    ]);
    const keys = (await run('docker', ['exec', one.Name.slice(1), 'find', '/run/holdfast', '-name', '*.key'])).stdout
      .split('\n')
      .filter(Boolean)
      .map((path) => path.split('/').at(-1)!);
    foreignKeys.push(...keys.filter((key) => !own.has(key)).map((key) => `${serviceOf(one)}: ${key}`));
  }
  return [
    exactly('containers that run', 19, running.length),
    exactly('containers with a process of root', 'none', listed(asRoot)),
    exactly(
      'containers that could write outside their volumes',
      'none',
      listed([...writable, ...running.filter(({ HostConfig }) => !HostConfig.ReadonlyRootfs).map(serviceOf)]),
    ),
    exactly(
      'containers without a memory limit, with capabilities or without a restart policy',
      'none',
      listed(
        all
          .filter(
            (one) =>
              one.HostConfig.Memory === 0 ||
              !one.HostConfig.CapDrop?.includes('ALL') ||
              (one.HostConfig.RestartPolicy.Name !== 'unless-stopped' && serviceOf(one) !== 'prepare'),
          )
          .map(serviceOf),
      ),
    ),
    exactly(
      'containers with published ports besides the edges',
      'none',
      listed(
        all
          .filter((one) => Object.keys(one.HostConfig.PortBindings ?? {}).length > 0 && !PUBLISHED.has(serviceOf(one)))
          .map(serviceOf),
      ),
    ),
    exactly(
      'a gateway, asked from the inside without a certificate of the mesh',
      'refuses',
      await withoutCertificate(running),
    ),
    exactly('private keys that a container sees besides its own', 'none', listed(foreignKeys)),
    exactly(
      'containers that run with the authority’s key',
      'none',
      listed(running.filter(({ Mounts }) => Mounts.some(({ Name }) => Name?.endsWith('_authority'))).map(serviceOf)),
    ),
    exactly(
      'Redis, asked from the inside without TLS',
      'refuses',
      await fromInside(
        running,
        `const s = require('node:net').connect(6379, 'redis', () => s.write('PING\\r\\n')); s.on('data', (d) => done(/PONG|NOAUTH/.test(d) ? 'answers' : 'refuses')).on('close', () => done('refuses')).on('error', () => done('refuses'));`,
      ),
    ),
    exactly(
      'Envoy’s admin interface, asked from the inside',
      'refuses',
      await fromInside(
        running,
        `require('node:http').get('http://gateway-2:9901/', () => done('answers')).on('error', () => done('refuses'));`,
      ),
    ),
    exactly('control planes that lead, with the rights that Redis gives them', 1, await leaders(running, serviceOf)),
    exactly(
      'admin ports that a container of another network reaches',
      'none',
      listed(await reachable(running, serviceOf)),
    ),
  ];
}

async function leaders(running: readonly Inspected[], serviceOf: (one: Inspected) => string): Promise<number> {
  const planes = running.filter((one) => serviceOf(one).startsWith('control-plane-'));
  const said = await Promise.all(
    planes.map(({ Name }) =>
      mustRun('docker', [
        'exec',
        Name.slice(1),
        'node',
        'control-plane/cli/main.ts',
        '--token-file',
        '/run/holdfast/admin-token',
        'status',
        '--json',
      ]),
    ),
  );
  return said.filter((text) => (JSON.parse(text) as { controlPlane: { isLeader: boolean } }).controlPlane.isLeader)
    .length;
}

const withoutCertificate = (running: readonly Inspected[]): Promise<string> =>
  fromInside(
    running,
    `require('node:https').get('https://gateway-2:37373/health', { rejectUnauthorized: false }, (r) => done('answers ' + r.statusCode)).on('error', () => done('refuses'));`,
  );

/** Runs a script in a container of the composition's own network; what it calls `done` with. */
async function fromInside(running: readonly Inspected[], script: string): Promise<string> {
  const network = Object.keys(
    running.find(({ NetworkSettings }) => Object.keys(NetworkSettings.Networks).length > 0)!.NetworkSettings.Networks,
  )[0]!;
  return (
    await mustRun('docker', [
      'run',
      '--rm',
      '--network',
      network,
      '--entrypoint',
      'node',
      'holdfast/control-plane:0.1.0',
      '-e',
      `const done = (text) => { console.log(text); process.exit(); }; ${script}`,
    ])
  ).trim();
}

/** Tries from a container that is not of the composition. */
async function reachable(running: readonly Inspected[], serviceOf: (one: Inspected) => string): Promise<string[]> {
  const targets = Object.entries(ADMIN_PORTS).flatMap(([service, ports]) => {
    const one = running.find((each) => serviceOf(each) === service);
    const address = one && Object.values(one.NetworkSettings.Networks)[0]?.IPAddress;
    return address ? ports.map((port) => ({ service, address, port })) : [];
  });
  const script = `const net = require('node:net');
for (const t of ${JSON.stringify(targets)}) { const s = net.connect({ host: t.address, port: t.port, timeout: 3000 });
s.on('connect', () => { console.log(t.service + ':' + t.port); s.destroy(); }); s.on('timeout', () => s.destroy()); s.on('error', () => {}); }`;
  const said = await mustRun('docker', [
    'run',
    '--rm',
    '--network',
    'bridge',
    '--entrypoint',
    'node',
    'holdfast/control-plane:0.1.0',
    '-e',
    script,
  ]);
  return said.trim().split('\n').filter(Boolean);
}
