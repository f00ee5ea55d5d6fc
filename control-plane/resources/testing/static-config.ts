import { RESOURCE_TYPE } from '../../../proto/xds/loader.ts';
import type { PlainResources } from '../resources-for.ts';

type Json = Record<string, any>;

/** The same resources as one static configuration, for `envoy --mode validate` and for trying them by hand. */
export function staticConfig(resources: PlainResources, admin: object): object {
  const extensions = resources.get(RESOURCE_TYPE.extensions) as Map<string, Json> | undefined;
  const all = (typeUrl: string): Json[] =>
    [...(resources.get(typeUrl)?.values() ?? [])].map((each) => structuredClone(each) as Json);
  const endpoints = resources.get(RESOURCE_TYPE.endpoints);
  const clusters = all(RESOURCE_TYPE.cluster).map(({ eds_cluster_config: eds, ...cluster }) =>
    eds === undefined
      ? cluster
      : {
          ...cluster,
          type: 'STATIC',
          load_assignment: { ...endpoints?.get(eds['service_name'] ?? cluster['name']), cluster_name: cluster['name'] },
        },
  );
  const listeners = all(RESOURCE_TYPE.listener);
  for (const listener of listeners) {
    for (const chain of listener['filter_chains'] as Json[]) {
      for (const filter of chain['filters'] as Json[]) {
        const manager = filter['typed_config'] as Json;
        for (const each of (manager['http_filters'] ?? []) as Json[]) {
          if (each['config_discovery'] === undefined) continue;
          delete each['config_discovery'];
          each['typed_config'] = extensions?.get(each['name'] as string)?.['typed_config'];
        }
        const { rds } = manager;
        if (rds === undefined) {
          manager['scoped_routes'] = withScopes(manager['scoped_routes'] as Json, resources);
          continue;
        }
        delete manager['rds'];
        manager['route_config'] = resources.get(RESOURCE_TYPE.routes)?.get(rds.route_config_name as string);
      }
    }
  }
  return {
    admin: { address: admin },
    static_resources: withoutSds({ listeners, clusters, secrets: all(RESOURCE_TYPE.secrets) }),
  };
}

const withScopes = ({ name, scope_key_builder, rds_config_source }: Json, resources: PlainResources): object => ({
  name,
  scope_key_builder,
  rds_config_source,
  scoped_route_configurations_list: {
    scoped_route_configurations: [...(resources.get(RESOURCE_TYPE.scopes)?.values() ?? [])].map((scope) => {
      const { route_configuration_name: routes, ...rest } = scope as Json;
      return { ...rest, route_configuration: resources.get(RESOURCE_TYPE.routes)?.get(routes as string) };
    }),
  },
});

/** Secrets that are found by their name alone. */
function withoutSds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSds);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'sds_config')
      .map(([key, inner]) => [key, withoutSds(inner)]),
  );
}
