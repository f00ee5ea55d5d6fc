import { packPart, RESOURCE_TYPE } from '../../proto/xds/loader.ts';

/** What a resource needs to exist beside it. */
export interface Reference {
  readonly kind: 'cluster' | 'endpoints' | 'routes';
  readonly name: string;
}

/** Parts that may have keys named like references and are not: free-form metadata and log formats. */
const OPAQUE = new Set(['metadata', 'filter_metadata', 'json_format', 'typed_json_format', 'policy']);

const REFERRING = new Set<string>([RESOURCE_TYPE.extensions, RESOURCE_TYPE.listener, RESOURCE_TYPE.routes]);

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
  if (typeUrl === RESOURCE_TYPE.scopes) {
    const { route_configuration_name: name } = json as { route_configuration_name: string };
    return [{ kind: 'routes', name }];
  }
  if (!REFERRING.has(typeUrl)) return [];
  const found: Found = { cluster: new Set(), routes: new Set() };
  collect(json, found);
  return (['cluster', 'routes'] as const).flatMap((kind) => [...found[kind]].map((name) => ({ kind, name })));
}

interface Found {
  cluster: Set<string>;
  routes: Set<string>;
}

/** Of parts whose JSON is not there any more. */
const ofParts = new WeakMap<object, Found>();

/** A part of routes as its bytes (proto/xds). What it refers to is kept beside them. */
export function sealPart(typeName: string, json: object): object {
  const part = packPart(typeName, json),
    found: Found = { cluster: new Set(), routes: new Set() };
  collect(json, found);
  ofParts.set(part, found);
  return part;
}

function collect(json: unknown, found: Found): void {
  if (typeof json !== 'object' || json === null) return;
  const known = ofParts.get(json);
  if (known) {
    for (const kind of ['cluster', 'routes'] as const) for (const name of known[kind]) found[kind].add(name);
    return;
  }
  for (const [key, value] of Object.entries(json)) {
    if (typeof value === 'string') collectName(key, value, found);
    else if (!OPAQUE.has(key)) {
      for (const name of clustersWithin(key, value)) found.cluster.add(name);
      collect(value, found);
    }
  }
}

function collectName(key: string, value: string, found: Found): void {
  if (key === 'cluster' && !value.includes('%')) found.cluster.add(value);
  else if (key === 'route_config_name') found.routes.add(value);
}

/** Clusters that a member names by another key than `cluster`. */
function clustersWithin(
  key: string,
  value: { cluster_name?: unknown; clusters?: { name?: string }[] } | null,
): string[] {
  if (key === 'envoy_grpc') return typeof value?.cluster_name === 'string' ? [value.cluster_name] : [];
  if (key === 'weighted_clusters') return (value?.clusters ?? []).flatMap(({ name }) => (name ? [name] : []));
  return [];
}
