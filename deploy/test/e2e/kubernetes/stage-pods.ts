import type { ApiCluster } from './api-cluster.ts';

/** A pod of which no kubelet knows: what a kubelet would say of it is written by the test. */
export interface StagedPod {
  name: string;
  /** First the one of the cluster's first family. */
  ips: readonly [string, ...string[]];
  isReady: boolean;
}

const NODE = 'node1';

/** Makes the pods in the namespace, with these labels, or says again how they are. Rejects with the API server's words. */
export async function stagePods(
  { request }: ApiCluster,
  namespace: string,
  labels: Record<string, string>,
  pods: readonly StagedPod[],
): Promise<void> {
  await request('POST', '/api/v1/nodes', { metadata: { name: NODE } });
  for (const { name, ips, isReady } of pods) {
    const path = `/api/v1/namespaces/${namespace}/pods`;
    const made = await request('POST', path, {
      metadata: { name, labels },
      spec: {
        nodeName: NODE,
        containers: [{ name: 'server', image: 'server:1', ports: [{ name: 'mcp', containerPort: 3000 }] }],
      },
    });
    if (made.status !== 201 && made.status !== 409) throw new Error(`${name}: ${String(made.body['message'])}`);
    const status = {
      phase: 'Running',
      podIP: ips[0],
      podIPs: ips.map((ip) => ({ ip })),
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
    };
    const told = await request('PATCH', `${path}/${name}/status`, { status }, 'application/merge-patch+json');
    if (told.status !== 200) throw new Error(`${name}: ${String(told.body['message'])}`);
  }
}
