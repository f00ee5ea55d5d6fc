import { RESOURCE_TYPE } from '../../proto/xds/loader.ts';
import type { Resources } from './resource.ts';

/** Parts that may have keys named like references and are not: free-form metadata and log formats. */
const OPAQUE = new Set(['metadata', 'filter_metadata', 'json_format', 'typed_json_format', 'policy']);

/**
 * References to resources that do not exist, each as a sentence; empty when the snapshot is consistent. Envoy would wait for such a
 * resource, or answer 503, so a snapshot with one is never sent. `staticClusters` are those of the bootstrap.
 */
export function snapshotProblems(resources: Resources, staticClusters: ReadonlySet<string>): string[] {
  const names = (typeUrl: string) => resources.get(typeUrl) ?? new Map<string, never>();
  const clusters = names(RESOURCE_TYPE.cluster), endpoints = names(RESOURCE_TYPE.endpoints), routes = names(RESOURCE_TYPE.routes);
  const problems: string[] = [];
  // A sidecar's snapshot has endpoints and policies only.
  if (clusters.size === 0) return problems;
  const needs = (where: string, kind: string, name: string, known: { has(name: string): boolean }) => {
    if (!known.has(name)) problems.push(`${where} refers to ${kind} ${JSON.stringify(name)}, which is not in the snapshot`);
  };
  const isCluster = { has: (name: string) => clusters.has(name) || staticClusters.has(name) };
  for (const [name, { json }] of clusters) {
    const cluster = json as { type?: string; eds_cluster_config?: { service_name?: string } };
    if (cluster.type === 'EDS') needs(`cluster ${name}`, 'endpoints', cluster.eds_cluster_config?.service_name ?? name, endpoints);
  }
  for (const [name, { json }] of endpoints) {
    const own = (json as { cluster_name?: string }).cluster_name;
    if (own !== name) problems.push(`endpoints ${name} say cluster_name ${JSON.stringify(own)}`);
  }
  for (const typeUrl of [RESOURCE_TYPE.listener, RESOURCE_TYPE.routes]) {
    for (const [name, { json }] of names(typeUrl)) {
      const where = `${typeUrl === RESOURCE_TYPE.listener ? 'listener' : 'routes'} ${name}`;
      for (const [kind, target] of referencesOf(json)) needs(where, kind, target, kind === 'routes' ? routes : isCluster);
    }
  }
  return problems;
}

function referencesOf(json: unknown): ['cluster' | 'routes', string][] {
  if (Array.isArray(json)) return json.flatMap(referencesOf);
  if (typeof json !== 'object' || json === null) return [];
  return Object.entries(json).flatMap(([key, value]): ['cluster' | 'routes', string][] => {
    if (OPAQUE.has(key)) return [];
    if (typeof value === 'string') return key === 'cluster' && !value.includes('%') ? [['cluster', value]] : key === 'route_config_name' ? [['routes', value]] : [];
    const found = referencesOf(value);
    if (key === 'envoy_grpc' && typeof value?.cluster_name === 'string') found.push(['cluster', value.cluster_name]);
    if (key === 'weighted_clusters') for (const { name } of value?.clusters ?? []) if (name) found.push(['cluster', name]);
    return found;
  });
}
