import { setTimeout as pause } from 'node:timers/promises';
import { connectClient } from '../../../clients/connect-client.ts';
import { waitFor } from '../../../mesh/wait-for.ts';
import { exactly } from '../../../report/objectives.ts';
import { MCP, UNREADY } from './mcp-server-objects.ts';
import { HOLDFAST } from './mesh-on-cluster.ts';
import type { Row } from './row.ts';
import type { Cluster } from './whole-cluster.ts';
import { awayApiServer, compactedHistory } from './rows-api-server.ts';
import { dualStackRestart } from './rows-dual-stack.ts';
import { renewedByKubelet } from './rows-kubelet-token.ts';
import { rotatedToken } from './rows-token.ts';

const restart =
  (namespace: string, workload: string): Row['play'] =>
  async ({ cluster: { kubectl } }) => {
    await kubectl.restart(namespace, workload);
    // What ends takes its grace; the event is over when the last of them is gone.
    await settled(kubectl, namespace);
    return undefined;
  };

/** Until no pod of the namespace is ending. */
async function settled(kubectl: Cluster['kubectl'], namespace: string): Promise<void> {
  await waitFor(
    async () => {
      const { items } = await kubectl.get<PodList>('--namespace', namespace, 'pods');
      return items.every(({ metadata }) => metadata.deletionTimestamp === undefined);
    },
    { what: `nothing ends in ${namespace}`, timeoutMs: 180_000, everyMs: 1000 },
  );
}

interface PodList {
  items: Array<{ metadata: { name: string; deletionTimestamp?: string } }>;
}

/** Names of the pods with a label, in the order of their names. */
async function podsOf(kubectl: Cluster['kubectl'], namespace: string, label: string): Promise<string[]> {
  const { items } = await kubectl.get<PodList>('--namespace', namespace, 'pods', '--selector', label);
  return items.map(({ metadata }) => metadata.name).sort();
}

/** Until when a connection may still be made to a pod that is gone: kube-proxy has to hear of it. */
const FORGOTTEN_MS = 3000;

/** Kills pods at once, as the loss of their machine does, and waits for their successors. `isEntry`: clients connect to them. */
const forceDelete =
  (namespace: string, label: string, workload: string, { howMany = 1, isEntry = false } = {}): Row['play'] =>
  async ({ cluster: { kubectl }, entryLost }) => {
    const fromMs = Date.now();
    const pods = (await podsOf(kubectl, namespace, label)).slice(0, howMany);
    await kubectl.run(['--namespace', namespace, 'delete', 'pod', '--force', '--grace-period=0', ...pods]);
    if (isEntry) entryLost(fromMs, Date.now() + FORGOTTEN_MS);
    await kubectl.rolledOut(namespace, workload);
    await pause(5000);
    return undefined;
  };

/** The readiness probes of all replicas fail for a while, one after the other and then together, though all of them answer. */
const readinessFlap: Row['play'] = async ({ cluster: { kubectl }, mesh }) => {
  const client = await connectClient({ kind: 'v1', url: mesh.url('linear') });
  const before = (await client.callTool('cart_add', { id: 'ENG-1' })).data;
  const pods = await podsOf(kubectl, MCP, 'app=linear');
  const inPod = (pod: string, ...command: string[]): Promise<string> =>
    kubectl.run(['--namespace', MCP, 'exec', pod, '--container=server', '--', ...command]);
  const areReady = (count: number): Promise<unknown> =>
    waitFor(
      async () => {
        const { status } = await kubectl.get<{ status: { readyReplicas?: number } }>(
          '--namespace',
          MCP,
          'deploy',
          'linear',
        );
        return (status.readyReplicas ?? 0) === count;
      },
      { what: `${count} replicas are ready`, everyMs: 300 },
    );
  for (const [index, pod] of pods.entries()) {
    await inPod(pod, 'touch', UNREADY);
    await areReady(pods.length - 1 - index);
    await pause(4000);
  }
  for (const pod of pods) await inPod(pod, 'rm', UNREADY);
  await areReady(pods.length);
  // It answered all along, so nothing may have moved: what it holds for a session is still there.
  const after = (await client.callTool('cart')).data;
  await client.terminate();
  const [was, is] = [JSON.stringify(before), JSON.stringify(after)];
  return [
    exactly('a session’s replica and what it holds are the same', 'yes', was === is ? 'yes' : `${was}, then ${is}`),
  ];
};

/** A node is emptied as for maintenance, under the budgets that the manifests set, and comes back. */
const drainNode: Row['play'] = async ({ cluster: { kubectl } }) => {
  const options = ['--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=400s'];
  await kubectl.run(['drain', 'node2', ...options], { timeoutMs: 420_000 });
  for (const workload of ['holdfast-gateway', 'holdfast-control-plane'])
    await kubectl.rolledOut(HOLDFAST, `deploy/${workload}`);
  await kubectl.run(['uncordon', 'node2']);
  return undefined;
};

const GATEWAY = 'app.kubernetes.io/name=holdfast-gateway';
const named = (name: string): string => `app.kubernetes.io/name=${name}`;

/** In this order: each leaves the cluster as it found it. */
export const ROWS: readonly Row[] = [
  { name: 'nothing happens', server: 'linear', calls: 'short', play: async () => pause(10_000, undefined) },
  {
    name: 'rollout of gateways, short calls',
    server: 'linear',
    calls: 'short',
    play: restart(HOLDFAST, 'deploy/holdfast-gateway'),
  },
  {
    name: 'rollout of gateways, 25 s calls',
    server: 'linear',
    calls: 'long',
    play: restart(HOLDFAST, 'deploy/holdfast-gateway'),
  },
  {
    name: 'rollout of an injected server, short calls',
    server: 'desk',
    calls: 'short',
    play: restart(MCP, 'deploy/desk'),
  },
  {
    name: 'rollout of an injected server, 25 s calls',
    server: 'desk',
    calls: 'long',
    play: restart(MCP, 'deploy/desk'),
  },
  {
    name: 'rollout of control planes',
    server: 'linear',
    calls: 'short',
    play: restart(HOLDFAST, 'deploy/holdfast-control-plane'),
  },
  { name: 'readiness probes fail', server: 'linear', calls: 'short', play: readinessFlap },
  { name: 'dual-stack Service, control planes start anew', server: 'dual', calls: 'short', play: dualStackRestart },
  {
    name: 'a replica is deleted by force',
    server: 'linear',
    calls: 'short',
    play: forceDelete(MCP, 'app=linear', 'deploy/linear'),
  },
  {
    name: 'an injected replica is deleted by force',
    server: 'desk',
    calls: 'short',
    play: forceDelete(MCP, 'app=desk', 'deploy/desk', { isEntry: true }),
  },
  {
    name: 'both control planes are deleted by force',
    server: 'linear',
    calls: 'short',
    play: forceDelete(HOLDFAST, named('holdfast-control-plane'), 'deploy/holdfast-control-plane', { howMany: 2 }),
  },
  {
    name: 'Redis is deleted by force',
    server: 'linear',
    calls: 'short',
    play: forceDelete(HOLDFAST, named('holdfast-redis'), 'statefulset/holdfast-redis'),
  },
  {
    name: 'a gateway is deleted by force',
    server: 'linear',
    calls: 'short',
    play: forceDelete(HOLDFAST, GATEWAY, 'deploy/holdfast-gateway', { isEntry: true }),
  },
  { name: 'a node is drained', server: 'linear', calls: 'short', play: drainNode },
  { name: 'the API server is away for 60 s', server: 'linear', calls: 'short', play: awayApiServer },
  {
    name: 'history is compacted behind frozen control planes (410)',
    server: 'linear',
    calls: 'short',
    play: compactedHistory,
  },
  { name: 'the token of control planes is replaced', server: 'linear', calls: 'short', play: rotatedToken },
  { name: 'the kubelet renews tokens', server: 'desk', calls: 'short', isOnDemand: true, play: renewedByKubelet },
];
