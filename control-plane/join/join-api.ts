import { JOIN_AUDIENCE } from '../../proto/join.ts';
import { openKubernetes, type KubeAccess } from '../kubernetes/kube-config.ts';
import type { ReviewedToken } from './judge-token.ts';

/** What is asked of the API server about one who wants to join. */
export interface JoinApi {
  review(token: string): Promise<ReviewedToken>;
  /** Labels of a namespace. */
  labels(namespace: string): Promise<Readonly<Record<string, string>>>;
}

export async function openJoinApi(access: KubeAccess): Promise<JoinApi> {
  const { client, kubeConfig } = await openKubernetes(access);
  const authentication = kubeConfig.makeApiClient(client.AuthenticationV1Api);
  const core = kubeConfig.makeApiClient(client.CoreV1Api);
  return {
    async review(token) {
      const { status } = await authentication.createTokenReview({
        body: { spec: { token, audiences: [JOIN_AUDIENCE] } },
      });
      return status ?? {};
    },
    labels: async (name) => (await core.readNamespace({ name })).metadata?.labels ?? {},
  };
}
