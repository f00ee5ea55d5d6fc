import { RESOURCE_TYPE } from '../../../proto/xds/loader.ts';
import { packResource, type Resources } from '../resource.ts';

type Json = Record<string, unknown>;

export const cluster = (name: string, extra: Json = {}): Json => ({
  name,
  type: 'EDS',
  connect_timeout: '1s',
  eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3' } },
  ...extra,
});
export const endpoints = (name: string, ...ports: number[]): Json => ({
  cluster_name: name,
  endpoints: [
    {
      lb_endpoints: ports.map((port) => ({
        endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
      })),
    },
  ],
});
export const routes = (name: string, ...clusters: string[]): Json => ({
  name,
  virtual_hosts: [
    {
      name: 'all',
      domains: ['*'],
      routes: clusters.map((target) => ({ match: { prefix: `/${target}` }, route: { cluster: target } })),
    },
  ],
});
export const listener = (name: string, port: number, routeConfig: string, extra: Json = {}): Json => ({
  name,
  address: { socket_address: { address: '127.0.0.1', port_value: port } },
  filter_chains: [
    {
      filters: [
        {
          name: 'http',
          typed_config: {
            '@type':
              'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
            stat_prefix: 'test',
            rds: { route_config_name: routeConfig, config_source: { ads: {}, resource_api_version: 'V3' } },
            http_filters: [
              {
                name: 'router',
                typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
              },
            ],
          },
        },
      ],
    },
  ],
  ...extra,
});

export interface Parts {
  cluster?: Json[];
  endpoints?: Json[];
  listener?: Json[];
  routes?: Json[];
}

export function snapshotOf(parts: Parts): Resources {
  return new Map(
    Object.entries(RESOURCE_TYPE).map(([kind, typeUrl]) => [
      typeUrl,
      new Map(
        (parts[kind as keyof Parts] ?? []).map((json) => {
          const name = String(json['name'] ?? json['cluster_name']);
          return [name, packResource(typeUrl, name, json)];
        }),
      ),
    ]),
  );
}
