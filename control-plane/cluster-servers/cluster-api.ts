import { objectApi } from '../kubernetes/object-api.ts';
import { openKubernetes, type KubeAccess } from '../kubernetes/kube-config.ts';
import type { ObjectApi } from '../kubernetes/object-watch.ts';
import { GROUP, PLURAL, VERSION, type McpServerObject, type ServiceObject } from './mcp-server.ts';

/** What the API server is asked for: McpServers and Services of one namespace, or of all, and to write a status. */
export interface ClusterApi {
  resources(namespace: string | null): Promise<ObjectApi<McpServerObject>>;
  services(namespace: string | null): Promise<ObjectApi<ServiceObject>>;
  /** JSON merge patch of the status. */
  writeStatus(namespace: string, name: string, status: object): Promise<void>;
}

export function clusterApi(access: KubeAccess): ClusterApi {
  /** For writing. It is opened anew after a failure, because token or kubeconfig may have been replaced. */
  let writing: ReturnType<typeof openKubernetes> | null = null;
  return {
    async resources(namespace) {
      const { client, kubeConfig } = await openKubernetes(access);
      const api = kubeConfig.makeApiClient(client.CustomObjectsApi);
      const kind = { group: GROUP, version: VERSION, plural: PLURAL };
      return objectApi(client, kubeConfig, `/apis/${GROUP}/${VERSION}${inNamespace(namespace)}/${PLURAL}`, () =>
        namespace === null
          ? api.listCustomObjectForAllNamespaces({ ...kind, resourcePlural: PLURAL })
          : api.listNamespacedCustomObject({ ...kind, namespace }),
      );
    },
    async services(namespace) {
      const { client, kubeConfig } = await openKubernetes(access);
      const api = kubeConfig.makeApiClient(client.CoreV1Api);
      return objectApi(client, kubeConfig, `/api/v1${inNamespace(namespace)}/services`, () =>
        namespace === null ? api.listServiceForAllNamespaces() : api.listNamespacedService({ namespace }),
      );
    },
    async writeStatus(namespace, name, status) {
      writing ??= openKubernetes(access);
      try {
        const { client, kubeConfig } = await writing;
        const api = kubeConfig.makeApiClient(client.CustomObjectsApi);
        await api.patchNamespacedCustomObjectStatus(
          { group: GROUP, version: VERSION, plural: PLURAL, namespace, name, body: { status } },
          client.setHeaderOptions('Content-Type', client.PatchStrategy.MergePatch),
        );
      } catch (error) {
        writing = null;
        throw error;
      }
    },
  };
}

const inNamespace = (namespace: string | null): string =>
  namespace === null ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
