import { chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { freePorts } from '../../../mesh/free-port.ts';
import { ManagedProcess } from '../../../mesh/managed-process.ts';
import { startApiCluster, type ApiCluster } from '../api-cluster.ts';
import { programPath, type ProgramName } from '../binaries.ts';
import { auditing } from './audit-log.ts';
import { clusterDns } from './cluster-dns.ts';
import { packagesEnvironment } from './debian.ts';
import { Kubectl } from './kubectl.ts';
import { cgroupOf, MACHINE_ADDRESS } from './namespaces.ts';
import { clusterNode } from './node.ts';

const SERVICES = ['10.96.0.0/16', 'fd00:10:96::/112'];
const PODS = ['10.244.0.0/16', 'fd00:10:244::/56'];
export const NODES = ['node1', 'node2'] as const;

/** A whole Kubernetes, whose pods run in the namespaces of this process. */
export interface Cluster {
  api: ApiCluster;
  kubectl: Kubectl;
  folder: string;
  /** Where the API server notes requests of the control planes (audit-log.ts). */
  auditLog: string;
}

/** Starts everything that a cluster consists of and waits until its nodes are ready and names resolve. `images`: the archive for its nodes. `run`: the folder of this run. */
export async function startWholeCluster(images: string, run: string, say: (line: string) => void): Promise<Cluster> {
  const startMs = performance.now();
  const tell = (what: string): void => say(`  ${((performance.now() - startMs) / 1000).toFixed(1)} s  ${what}`);
  const users = new Map([
    ['system:kube-scheduler', ''],
    ['system:kube-proxy', ''],
    ...NODES.map((name) => [`system:node:${name}`, 'system:nodes'] as const),
  ]);
  const audit = await auditing(run);
  const api = await startApiCluster({
    address: MACHINE_ADDRESS,
    users,
    apiServerArgs: [
      `--advertise-address=${MACHINE_ADDRESS}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--kubelet-preferred-address-types=InternalIP',
      ...audit.args,
    ],
    controllerArgs: [
      '--use-service-account-credentials',
      `--cluster-cidr=${PODS.join(',')}`,
      '--allocate-node-cidrs=false',
      // While the API server is away nobody hears of the nodes; that they are gone would be another event.
      '--node-monitor-grace-period=5m0s',
      `--service-cluster-ip-range=${SERVICES.join(',')}`,
    ],
  });
  tell('the API server answers');
  const kubectl = new Kubectl(await api.kubeconfig('admin'));
  const { folder } = api;
  await startProgram(api, 'kube-scheduler', 'system:kube-scheduler', (port) => [
    '--leader-elect=false',
    `--secure-port=${port}`,
    '--bind-address=127.0.0.1',
  ]);
  const nodes = await Promise.all(
    NODES.map((name, index) => clusterNode(api, index + 1, { images, cgroup: cgroupOf(run, name) })),
  );
  await Promise.all(nodes.map((node) => node.start()));
  tell('containerd has the images, the kubelets run');
  await startProgram(api, 'kube-proxy', 'system:kube-proxy', (port, other) => [
    '--proxy-mode=nftables',
    `--cluster-cidr=${PODS.join(',')}`,
    '--hostname-override=node1',
    // Limits of the whole machine's connection tracking are not ours to set.
    ...['max-per-core=0', 'tcp-timeout-established=0s', 'tcp-timeout-close-wait=0s'].map(
      (each) => `--conntrack-${each}`,
    ),
    `--healthz-bind-address=127.0.0.1:${other}`,
    `--metrics-bind-address=127.0.0.1:${port}`,
  ]);
  await startProgram(api, 'kube-router', 'admin', () => [
    // Its rules for IPv6 name sets of IPv4. Then it gives up, in half of all cases before it came to the rules for IPv4.
    ...[
      'run-router=false',
      'run-service-proxy=false',
      'run-firewall=true',
      'enable-ipv4=true',
      'enable-ipv6=false',
    ].map((each) => `--${each}`),
    '--hostname-override=node1',
    `--service-cluster-ip-range=${SERVICES[0]}`,
    '--health-port=0',
  ]);
  await kubectl.apply(
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [...clusterDns(), ...(await volumes(folder))] }),
  );
  await kubectl.run(['wait', '--for=condition=Ready', 'nodes', '--all', '--timeout=120s']);
  tell('the nodes are ready');
  await kubectl.rolledOut('kube-system', 'deploy/coredns');
  tell('names resolve');
  return { api, kubectl, folder, auditLog: audit.log };
}

/** Volumes for the claims of Redis and of the backups, for two meshes one after the other. */
async function volumes(folder: string): Promise<object[]> {
  return Promise.all(
    ['one', 'two', 'three', 'four'].map(async (name) => {
      const path = join(folder, 'volumes', name);
      await mkdir(path, { recursive: true });
      // A volume that is a folder of the node keeps its owner, whatever fsGroup says.
      await chown(path, 1000, 1000);
      return {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name },
        spec: { capacity: { storage: '5Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path } },
      };
    }),
  );
}

/** One of Kubernetes' own, as this user; ready once it lives. */
async function startProgram(
  api: ApiCluster,
  name: ProgramName,
  user: string,
  args: (port: number, other: number) => readonly string[],
): Promise<void> {
  const [port = 0, other = 0] = await freePorts(2);
  const program = new ManagedProcess({
    name,
    command: programPath(name),
    args: [`--kubeconfig=${await api.kubeconfig(user)}`, ...args(port, other)],
    env: { ...packagesEnvironment(), NODE_NAME: 'node1' },
    logFile: join(api.folder, `${name}.log`),
    isReady: async () => program.log().length > 0,
  });
  await program.start();
}
