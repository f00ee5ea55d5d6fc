const typed = (type: string, value: object = {}): object => ({ '@type': `type.googleapis.com/${type}`, ...value });
const PATH = '/stats/prometheus';

/**
 * A listener that shows Envoy's statistics to Prometheus and nothing else. The admin interface itself stays on loopback: whoever reaches
 * that can end the process. `address` and `admin` are Envoy addresses.
 */
export function metricsListener(address: object, admin: object): { listener: object; cluster: object } {
  const manager = typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'metrics',
    common_http_protocol_options: { idle_timeout: '60s', max_headers_count: 50 },
    request_headers_timeout: '5s',
    route_config: {
      name: 'metrics',
      virtual_hosts: [
        {
          name: 'metrics',
          domains: ['*'],
          routes: [
            {
              match: { path: PATH, headers: [{ name: ':method', string_match: { exact: 'GET' } }] },
              route: { cluster: 'admin', timeout: '10s' },
            },
          ],
        },
      ],
    },
    http_filters: [
      { name: 'envoy.filters.http.router', typed_config: typed('envoy.extensions.filters.http.router.v3.Router') },
    ],
  });
  return {
    // Scrapes go on when the limit of clients' connections is reached: that is when one wants to know.
    listener: {
      name: 'metrics',
      address,
      ignore_global_conn_limit: true,
      filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }] }],
    },
    cluster: {
      name: 'admin',
      type: 'STATIC',
      connect_timeout: '1s',
      load_assignment: { cluster_name: 'admin', endpoints: [{ lb_endpoints: [{ endpoint: { address: admin } }] }] },
    },
  };
}
