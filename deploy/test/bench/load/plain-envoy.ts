const typed = (type: string, value: Record<string, unknown> = {}) => ({
  '@type': `type.googleapis.com/${type}`,
  ...value,
});

/** A bare Envoy over the same replicas, or one with Envoy's own session affinity (`stateful_session`, envelope mode): what Holdfast is compared with. */
export function plainEnvoy(
  port: number,
  replicaPorts: readonly number[],
  affinity: 'none' | 'envelope',
): Record<string, unknown> {
  const stateful = {
    name: 'envoy.filters.http.stateful_session',
    typed_config: typed('envoy.extensions.filters.http.stateful_session.v3.StatefulSession', {
      session_state: {
        name: 'envoy.http.stateful_session.envelope',
        typed_config: typed('envoy.extensions.http.stateful_session.envelope.v3.EnvelopeSessionState', {
          header: { name: 'mcp-session-id' },
        }),
      },
    }),
  };
  const router = {
    name: 'envoy.filters.http.router',
    typed_config: typed('envoy.extensions.filters.http.router.v3.Router'),
  };
  const connectionManager = typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'bench',
    stream_idle_timeout: '0s',
    http_filters: [...(affinity === 'envelope' ? [stateful] : []), router],
    route_config: {
      name: 'bench',
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'mcp', timeout: '0s' } }] },
      ],
    },
  });
  const address = (value: number) => ({ socket_address: { address: '127.0.0.1', port_value: value } });
  return {
    static_resources: {
      listeners: [
        {
          name: 'bench',
          address: address(port),
          filter_chains: [
            { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: connectionManager }] },
          ],
        },
      ],
      clusters: [
        {
          name: 'mcp',
          type: 'STATIC',
          connect_timeout: '1s',
          lb_policy: 'LEAST_REQUEST',
          circuit_breakers: {
            thresholds: [{ max_requests: 100_000, max_connections: 100_000, max_pending_requests: 100_000 }],
          },
          load_assignment: {
            cluster_name: 'mcp',
            endpoints: [{ lb_endpoints: replicaPorts.map((one) => ({ endpoint: { address: address(one) } })) }],
          },
        },
      ],
    },
  };
}
