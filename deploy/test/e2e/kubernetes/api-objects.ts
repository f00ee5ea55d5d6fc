import type { Manifest } from '../../../../control-plane/inject/manifest.ts';
import type { ApiAnswer, ApiCluster } from './api-cluster.ts';

interface Resource {
  name: string;
  kind: string;
  namespaced: boolean;
}

/** Objects of an API server, by their manifests. */
export class ApiObjects {
  readonly #cluster: ApiCluster;
  readonly #resources = new Map<string, Promise<Resource[]>>();

  constructor(cluster: ApiCluster) {
    this.#cluster = cluster;
  }

  /**
   * Server-side apply with strict validation. `text`: what is sent, YAML as somebody wrote it, instead of the object. `dryRun`: everything but storing it,
   * admission included.
   */
  async apply(
    manifest: Manifest,
    { dryRun = false, text }: { dryRun?: boolean; text?: string } = {},
  ): Promise<ApiAnswer> {
    const path = await this.path(manifest);
    if (path === undefined) throw new Error(`no kind ${manifest.apiVersion} ${manifest.kind}`);
    const query = `fieldManager=holdfast&force=true&fieldValidation=Strict${dryRun ? '&dryRun=All' : ''}`;
    return this.#cluster.request('PATCH', `${path}?${query}`, text ?? manifest, 'application/apply-patch+yaml');
  }

  /** Path of the object; undefined when the API server does not know its kind. */
  async path({ apiVersion, kind, metadata }: Manifest): Promise<string | undefined> {
    const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const known = this.#resources.get(group) ?? this.#list(group);
    this.#resources.set(group, known);
    const resource = (await known).find((each) => each.kind === kind && !each.name.includes('/'));
    if (!resource) return undefined;
    const namespace = resource.namespaced ? `/namespaces/${metadata.namespace ?? 'default'}` : '';
    return `${group}${namespace}/${resource.name}/${metadata.name}`;
  }

  async #list(group: string): Promise<Resource[]> {
    const { body } = await this.#cluster.request('GET', group);
    return (body['resources'] as Resource[] | undefined) ?? [];
  }
}
