import type { KubernetesDiscovery } from '../config/backend-schema.ts';
import type { EndpointSlice } from './endpoint-slices.ts';
import type { SliceApi } from './namespace-watch.ts';

/** The API server as @kubernetes/client-node reaches it. The client is loaded here, at first use: it is large, and most installations need none. */
export async function openKubernetesApi(config: KubernetesDiscovery): Promise<SliceApi> {
  const { KubeConfig, DiscoveryV1Api, Watch } = await import('@kubernetes/client-node');
  const kubeConfig = new KubeConfig();
  if (config.kubeconfig !== undefined) kubeConfig.loadFromFile(config.kubeconfig);
  else kubeConfig.loadFromCluster();
  if (config.context !== undefined) kubeConfig.setCurrentContext(config.context);
  const discovery = kubeConfig.makeApiClient(DiscoveryV1Api);
  const watcher = new Watch(kubeConfig);
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
