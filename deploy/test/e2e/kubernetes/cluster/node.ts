import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePorts } from '../../../mesh/free-port.ts';
import { ManagedProcess } from '../../../mesh/managed-process.ts';
import { programPath } from '../binaries.ts';
import { packagedFile, packagesEnvironment } from './debian.ts';
import { PAUSE_IMAGE } from './images.ts';
import { MACHINE_ADDRESS, MACHINE_ADDRESS_6, makeCgroup } from './namespaces.ts';
import { runCommand } from '../../../../setup/run-command.ts';

/** Of the DNS Service, by convention the tenth address of the Services' range. */
export const DNS_ADDRESS = '10.96.0.10';
/** What a node's pods weigh: as much as eight processes of this machine, for they are more than that. */
const CPU_SHARES = 8 * 1024;
const IMPORT_TIMEOUT_MS = 600_000;

export interface ClusterNode {
  name: string;
  start(): Promise<void>;
}

/** A node: containerd and a kubelet. All nodes are in the machine's one network, with its address; each has addresses for pods of its own. `index` counts from 1. `images`: an archive. `cgroup`: the group that its pods are in. */
export async function clusterNode(
  cluster: { folder: string; kubeconfig(name: string): Promise<string> },
  index: number,
  { images, cgroup }: { images: string; cgroup: string },
): Promise<ClusterNode> {
  const name = `node${index}`;
  const folder = join(cluster.folder, name);
  const inNode = (path: string): string => join(folder, path);
  const [port = 0, health = 0] = await freePorts(2);
  for (const each of ['cni', 'run', 'pods', 'logs', 'plugins']) await mkdir(inNode(each), { recursive: true });
  await makeCgroup(cgroup, CPU_SHARES);
  await writeFile(inNode('cni/10-ptp.conflist'), JSON.stringify(podNetwork(index, inNode('addresses'))));
  await writeFile(inNode('containerd.toml'), containerdSettings(folder));
  await writeFile(inNode('resolv.conf'), `nameserver ${DNS_ADDRESS}\n`);
  await writeFile(inNode('kubelet.yaml'), stringify(kubeletSettings(folder, cgroup, port, health)));
  const socket = inNode('run/containerd.sock');
  const ctr = (...args: string[]) =>
    runCommand(
      'env',
      [...Object.entries(packagesEnvironment()).map(([key, value]) => `${key}=${value}`), 'ctr', '-a', socket, ...args],
      IMPORT_TIMEOUT_MS,
    );
  const containerd = new ManagedProcess({
    name: `${name} containerd`,
    command: packagedFile('usr/bin/containerd'),
    args: ['--config', inNode('containerd.toml')],
    env: packagesEnvironment(),
    logFile: inNode('containerd.log'),
    isReady: async () => (await ctr('version')).kind === 'done',
  });
  const kubelet = new ManagedProcess({
    name: `${name} kubelet`,
    command: programPath('kubelet'),
    args: [
      `--config=${inNode('kubelet.yaml')}`,
      `--kubeconfig=${await cluster.kubeconfig(`system:node:${name}`)}`,
      `--hostname-override=${name}`,
      `--node-ip=${MACHINE_ADDRESS},${MACHINE_ADDRESS_6}`,
      `--root-dir=${inNode('pods')}`,
      `--cert-dir=${inNode('certificates')}`,
    ],
    env: packagesEnvironment(),
    logFile: inNode('kubelet.log'),
    isReady: async () => (await fetch(`http://127.0.0.1:${health}/healthz`)).ok,
  });
  return {
    name,
    async start() {
      await containerd.start();
      const imported = await ctr('--namespace', 'k8s.io', 'images', 'import', images);
      if (imported.kind === 'failed') throw new Error(`${name} takes no images: ${imported.why}`);
      await kubelet.start();
    },
  };
}

/** Each pod has a pair of devices to the machine, which forwards: no bridge is needed. */
const podNetwork = (index: number, addresses: string): object => ({
  cniVersion: '1.0.0',
  name: 'pods',
  plugins: [
    {
      type: 'ptp',
      ipMasq: false,
      ipam: {
        type: 'host-local',
        dataDir: addresses,
        ranges: [[{ subnet: `10.244.${index}.0/24` }], [{ subnet: `fd00:10:244:${index}::/64` }]],
        routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
      },
    },
  ],
});

function containerdSettings(folder: string): string {
  const plugins = packagedFile('usr/lib/cni/ptp').replace(/\/ptp$/, '');
  const text = JSON.stringify;
  return [
    'version = 2',
    `root = ${text(join(folder, 'containerd'))}`,
    `state = ${text(join(folder, 'run/containerd'))}`,
    'disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]',
    '[grpc]',
    `address = ${text(join(folder, 'run/containerd.sock'))}`,
    '[plugins."io.containerd.internal.v1.opt"]',
    `path = ${text(join(folder, 'opt'))}`,
    '[plugins."io.containerd.grpc.v1.cri"]',
    `sandbox_image = ${text(PAUSE_IMAGE)}`,
    'enable_unprivileged_ports = true',
    // Without the right CAP_SYS_RESOURCE a lower score can't be set, and no sandbox would start.
    'restrict_oom_score_adj = true',
    'stream_server_address = "127.0.0.1"',
    '[plugins."io.containerd.grpc.v1.cri".cni]',
    `bin_dir = ${text(plugins)}`,
    `conf_dir = ${text(join(folder, 'cni'))}`,
    '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]',
    'runtime_type = "io.containerd.runc.v2"',
    '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]',
    `BinaryName = ${text(packagedFile('usr/sbin/runc'))}`,
    `Root = ${text(join(folder, 'run/runc'))}`,
    'SystemdCgroup = false',
    '',
  ].join('\n');
}

const kubeletSettings = (folder: string, cgroup: string, port: number, health: number): object => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  port,
  healthzPort: health,
  failCgroupV1: false,
  cgroupDriver: 'cgroupfs',
  cgroupRoot: cgroup,
  enforceNodeAllocatable: [],
  containerRuntimeEndpoint: `unix://${join(folder, 'run/containerd.sock')}`,
  clusterDomain: 'cluster.local',
  clusterDNS: [DNS_ADDRESS],
  // The API server comes without a certificate; nobody else is in this network.
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: 'AlwaysAllow' },
  failSwapOn: false,
  maxPods: 100,
  evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
  imageGCHighThresholdPercent: 100,
  imageGCLowThresholdPercent: 99,
  resolvConf: join(folder, 'resolv.conf'),
  podLogsDir: join(folder, 'logs'),
  volumePluginDir: join(folder, 'plugins'),
});
