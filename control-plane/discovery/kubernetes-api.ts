import type { KubernetesDiscovery } from '../config/backend-schema.ts';
import { openKubernetes } from '../kubernetes/kube-config.ts';
import { objectApi } from '../kubernetes/object-api.ts';
import type { SliceApi } from './namespace-watch.ts';

/** The EndpointSlices of a namespace, as the API server has them. */
export async function openKubernetesApi(config: KubernetesDiscovery): Promise<SliceApi> {
  const { client, kubeConfig } = await openKubernetes(config);
  const { namespace } = config;
  const api = kubeConfig.makeApiClient(client.DiscoveryV1Api);
  return objectApi(
    client,
    kubeConfig,
    `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices`,
    () => api.listNamespacedEndpointSlice({ namespace }),
  );
}
