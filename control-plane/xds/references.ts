import { RESOURCE_TYPE } from '../../proto/xds/loader.ts';

/** What a resource needs to exist beside it. */
export interface Reference {
  readonly kind: 'cluster' | 'endpoints' | 'routes';
  readonly name: string;
}

/** Parts that may have keys named like references and are not: free-form metadata and log formats. */
const OPAQUE = new Set(['metadata', 'filter_metadata', 'json_format', 'typed_json_format', 'policy']);

/** Each reference once. */
export function referencesOf(typeUrl: string, json: object): Reference[] {
  if (typeUrl === RESOURCE_TYPE.cluster) {
    const {
      type,
      name,
      eds_cluster_config: eds,
    } = json as { type?: string; name: string; eds_cluster_config?: { service_name?: string } };
    return type === 'EDS' ? [{ kind: 'endpoints', name: eds?.service_name ?? name }] : [];
  }
  if (typeUrl !== RESOURCE_TYPE.listener && typeUrl !== RESOURCE_TYPE.routes) return [];
  const found = { cluster: new Set<string>(), routes: new Set<string>() };
  collect(json, found);
  return (['cluster', 'routes'] as const).flatMap((kind) => [...found[kind]].map((name) => ({ kind, name })));
}

function collect(json: unknown, found: { cluster: Set<string>; routes: Set<string> }): void {
  if (typeof json !== 'object' || json === null) return;
  for (const [key, value] of Object.entries(json)) {
    if (typeof value === 'string') {
      if (key === 'cluster' && !value.includes('%')) found.cluster.add(value);
      else if (key === 'route_config_name') found.routes.add(value);
    } else if (!OPAQUE.has(key)) {
      if (key === 'envoy_grpc' && typeof value?.cluster_name === 'string') found.cluster.add(value.cluster_name);
      if (key === 'weighted_clusters') for (const { name } of value?.clusters ?? []) if (name) found.cluster.add(name);
      collect(value, found);
    }
  }
}
