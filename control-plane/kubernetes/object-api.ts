import type { KubeConfig } from '@kubernetes/client-node';
import type { KubernetesObject, ObjectApi } from './object-watch.ts';

/** A listing as the client gives it. */
interface Listed {
  items: unknown[];
  metadata?: { resourceVersion?: string | undefined } | undefined;
}

/** List by the client's own call, and watch of the same path. */
export function objectApi<T extends KubernetesObject>(
  client: typeof import('@kubernetes/client-node'),
  kubeConfig: KubeConfig,
  path: string,
  list: () => Promise<Listed>,
): ObjectApi<T> {
  const watcher = new client.Watch(kubeConfig);
  return {
    async list() {
      const { items, metadata } = await list();
      return { items: items as T[], resourceVersion: metadata?.resourceVersion ?? '' };
    },
    watch(resourceVersion, onEvent, signal) {
      return new Promise((resolve, reject) => {
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
          else signal.addEventListener('abort', () => controller.abort(), { once: true });
        }, reject);
      });
    },
  };
}
