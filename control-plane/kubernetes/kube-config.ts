import type { KubeConfig } from '@kubernetes/client-node';

/** How the API server is reached; absent: as the pod's ServiceAccount. */
export interface KubeAccess {
  kubeconfig?: string | undefined;
  context?: string | undefined;
}

/** `isOperator`: without a file of its own, as kubectl does (KUBECONFIG, then ~/.kube/config). */
export interface KubeUser {
  isOperator?: boolean;
}

/** The client library, and how it reaches the API server. It is loaded here, at first use: it is large, and most installations need none. */
export async function openKubernetes(
  access: KubeAccess,
  { isOperator = false }: KubeUser = {},
): Promise<{ client: typeof import('@kubernetes/client-node'); kubeConfig: KubeConfig }> {
  const client = await import('@kubernetes/client-node');
  const kubeConfig = new client.KubeConfig();
  if (access.kubeconfig !== undefined) kubeConfig.loadFromFile(access.kubeconfig);
  else if (isOperator) kubeConfig.loadFromDefault();
  else kubeConfig.loadFromCluster();
  if (access.context !== undefined) kubeConfig.setCurrentContext(access.context);
  return { client, kubeConfig };
}
