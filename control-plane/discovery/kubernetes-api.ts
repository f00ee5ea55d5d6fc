import type { KubernetesDiscovery } from '../config/backend-schema.ts';
import { openKubernetes } from '../kubernetes/kube-config.ts';
import type { EndpointSlice } from './endpoint-slices.ts';
import type { SliceApi } from './namespace-watch.ts';

/** The API server as @kubernetes/client-node reaches it. */
export async function openKubernetesApi(config: KubernetesDiscovery): Promise<SliceApi> {
  const { client, kubeConfig } = await openKubernetes(config);
  const discovery = kubeConfig.makeApiClient(client.DiscoveryV1Api);
  const watcher = new client.Watch(kubeConfig);
  return {
    async list() {
      const { items, metadata } = await discovery.listNamespacedEndpointSlice({ namespace: config.namespace });
      return { slices: items as EndpointSlice[], resourceVersion: metadata?.resourceVersion ?? '' };
    },
    watch(resourceVersion, onEvent, signal) {
      return new Promise((resolve, reject) => {
        const path = `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(config.namespace)}/endpointslices`;
        const done = (error: unknown) => {
          const status = (error as { statusCode?: number } | null)?.statusCode;
          // The client ends a silent watch by a TimeoutError; that is the normal way to go on from the last version.
          const isOver =
            !error ||
            signal.aborted ||
            (error as Error).name === 'TimeoutError' ||
            (error as Error).name === 'AbortError';
          if (isOver) resolve(null);
          else if (typeof status === 'number') resolve(status);
          else reject(error as Error);
        };
        watcher.watch(path, { resourceVersion, allowWatchBookmarks: true }, onEvent, done).then((controller) => {
          if (signal.aborted) controller.abort();
          else
            signal.addEventListener(
              'abort',
              () => {
                controller.abort();
              },
              { once: true },
            );
        }, reject);
      });
    },
  };
}
