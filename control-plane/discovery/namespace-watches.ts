import type { KubernetesDiscovery } from '../config/backend-schema.ts';
import type { FollowService } from './kubernetes-source.ts';
import { NamespaceWatch, type SliceApi } from './namespace-watch.ts';

/** One watch for each namespace of each cluster, shared by all Services that are followed there, and ended with the last of them. */
export function namespaceWatches(openApi: (config: KubernetesDiscovery) => Promise<SliceApi>): FollowService {
  const running = new Map<string, NamespaceWatch>();
  return (config, listener) => {
    const key = JSON.stringify([config.kubeconfig, config.context, config.namespace]);
    const watch = running.get(key) ?? new NamespaceWatch(() => openApi(config));
    running.set(key, watch);
    watch.add(listener);
    return async () => {
      if (!watch.remove(listener)) return;
      if (running.get(key) === watch) running.delete(key);
      await watch.stop();
    };
  };
}
