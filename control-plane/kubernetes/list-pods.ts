import type { CoreV1Api, KubeConfig, V1Pod } from '@kubernetes/client-node';

/** Of one request to the API server. */
const TIMEOUT_MS = 20_000;
/** Pods for each request: an API server with many thousands need not give them in one answer. */
const PAGE = 500;

type Client = typeof import('@kubernetes/client-node');
type Options = NonNullable<Parameters<CoreV1Api['listPodForAllNamespaces']>[1]>;

/** All pods with the label, of one namespace or (null) of all. Rejects with the client's error: `kubernetesProblem` says it. */
export async function listPods(
  client: Client,
  kubeConfig: KubeConfig,
  labelSelector: string,
  namespace: string | null,
): Promise<V1Pod[]> {
  const api = kubeConfig.makeApiClient(client.CoreV1Api);
  const pods: V1Pod[] = [];
  let next: string | undefined;
  do {
    const page = { labelSelector, limit: PAGE, ...(next && { _continue: next }) };
    const { items, metadata } = await (namespace === null
      ? api.listPodForAllNamespaces(page, withTimeout(client))
      : api.listNamespacedPod({ ...page, namespace }, withTimeout(client)));
    pods.push(...items);
    next = metadata?._continue;
  } while (next);
  return pods;
}

/** The client waits for ever otherwise. */
const withTimeout = ({ Observable }: Client): Options => ({
  middleware: [
    {
      pre(request) {
        request.setSignal(AbortSignal.timeout(TIMEOUT_MS));
        return new Observable(Promise.resolve(request));
      },
      post: (response) => new Observable(Promise.resolve(response)),
    },
  ],
  middlewareMergeStrategy: 'append',
});
