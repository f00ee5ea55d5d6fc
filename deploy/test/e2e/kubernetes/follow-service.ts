import type { ExecutionContext } from 'ava';
import { Discovery } from '../../../../control-plane/discovery/discovery.ts';
import type { SourceReport } from '../../../../control-plane/discovery/source.ts';
import type { ApiCluster } from './api-cluster.ts';

export interface FollowedService {
  report(): SourceReport | undefined;
  /** Addresses of its replicas, each with what keeps it from new sessions. */
  addresses(): string;
}

/** Path of a kubeconfig with the rights of the control plane's ServiceAccount. */
export async function controlPlaneConfig({ request, kubeconfig }: ApiCluster): Promise<string> {
  const { body } = await request('POST', '/api/v1/namespaces/holdfast/serviceaccounts/holdfast-control-plane/token', {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {},
  });
  return kubeconfig('control-plane', (body['status'] as { token: string }).token);
}

/** Path of a kubeconfig with all rights, of a ServiceAccount that is made for it. */
export const adminConfig = (cluster: ApiCluster): Promise<string> => accountConfig(cluster, 'bench', 'cluster-admin');

/** Path of a kubeconfig of somebody who may list the pods of the namespace `mcp`, and nothing else. */
export async function podListerConfig(cluster: ApiCluster): Promise<string> {
  await cluster.request('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', {
    metadata: { name: 'pod-lister' },
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }],
  });
  return accountConfig(cluster, 'pod-lister', 'pod-lister', '/namespaces/mcp/rolebindings');
}

/** Of a new ServiceAccount of the namespace `mcp` with this ClusterRole, in the whole cluster unless `bindings` says where. */
async function accountConfig(
  { request, kubeconfig }: ApiCluster,
  name: string,
  role: string,
  bindings = '/clusterrolebindings',
): Promise<string> {
  const account = { kind: 'ServiceAccount', name, namespace: 'mcp' };
  await request('POST', '/api/v1/namespaces/mcp/serviceaccounts', { metadata: { name } });
  await request('POST', `/apis/rbac.authorization.k8s.io/v1${bindings}`, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [account],
  });
  const { body } = await request('POST', `/api/v1/namespaces/mcp/serviceaccounts/${name}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {},
  });
  return kubeconfig(name, (body['status'] as { token: string }).token);
}

/** Discovery of a Service in the namespace `mcp`, as a control plane does it, until the test ends. */
export function followService(t: ExecutionContext, kubeconfig: string, service: string): FollowedService {
  const discovery = new Discovery({ onChange: () => {} });
  t.teardown(() => discovery.stop());
  discovery.watch([
    { server: 's', backend: 'b', discovery: { type: 'kubernetes', namespace: 'mcp', service, kubeconfig } },
  ]);
  const report = (): SourceReport | undefined => discovery.current().get('s/b');
  return {
    report,
    addresses: () =>
      report()
        ?.replicas?.map(({ address, isReady = true, isTerminating }) =>
          isTerminating ? `${address} draining` : isReady ? address : `${address} unready`,
        )
        .join(' ') ?? '',
  };
}
