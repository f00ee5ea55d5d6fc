/** For tests: one Envoy with the decide routes to a server `linear`, as the control plane configures them, but static. `unary`: the socket where it asks about sessions. */
export interface TestEnvoyAddresses {
  port: number;
  socket: string;
  unary: string;
  replicas: { port: number; slot: string }[];
  relayPort: number;
}

const typed = (type: string, value: object = {}): object => ({
  '@type': `type.googleapis.com/envoy.${type}`,
  ...value,
});
const address = (port: number): object => ({
  endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
});
const limits = {
  thresholds: [{ max_requests: 100_000, max_connections: 100_000, max_pending_requests: 100_000, max_retries: 1000 }],
};
const append = (key: string, value: string, append_action: string): object => ({
  append: { header: { key, value }, append_action },
});

export function testEnvoyConfig({
  port,
  socket,
  unary,
  replicas,
  relayPort,
}: TestEnvoyAddresses): Record<string, unknown> {
  const asking = {
    message_timeout: '30s',
    failure_mode_allow: false,
    status_on_error: { code: 'ServiceUnavailable' },
    metadata_options: { forwarding_namespaces: { untyped: ['mcp'] }, receiving_namespaces: { untyped: ['holdfast'] } },
    mutation_rules: { allow_all_routing: false, allow_envoy: true, disallow_system: true },
  };
  const route = {
    name: 'linear/decide',
    match: { prefix: '/' },
    request_body_buffer_limit: 8_388_608,
    route: {
      cluster: 'linear',
      timeout: '0s',
      retry_policy: {
        retry_on: 'connect-failure,refused-stream,reset-before-request',
        num_retries: 3,
        retry_back_off: { base_interval: '0.001s', max_interval: '0.002s' },
        retry_priority: {
          name: 'envoy.retry_priorities.previous_priorities',
          typed_config: typed('extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig', {
            update_frequency: 1,
          }),
        },
      },
    },
  };
  const off = typed('config.route.v3.FilterConfig', { disabled: true });
  const filters = [
    {
      name: 'envoy.filters.http.header_to_metadata',
      typed_config: typed('extensions.filters.http.header_to_metadata.v3.Config', {
        request_rules: [
          {
            header: 'mcp-session-id',
            on_header_present: {
              metadata_namespace: 'holdfast',
              key: 'upstream',
              regex_value_rewrite: { pattern: { regex: '^[^~]*~(.*)$' }, substitution: '\\1' },
            },
          },
          { header: 'mcp-session-id', on_header_present: { metadata_namespace: 'holdfast', key: 'session' } },
        ],
      }),
    },
    {
      name: 'envoy.filters.http.header_mutation',
      typed_config: typed('extensions.filters.http.header_mutation.v3.HeaderMutation', {
        mutations: {
          request_mutations: [
            append('x-holdfast-session', '%DYNAMIC_METADATA(holdfast:session)%', 'OVERWRITE_IF_EXISTS_OR_ADD'),
            append('mcp-session-id', '%DYNAMIC_METADATA(holdfast:upstream)%', 'OVERWRITE_IF_EXISTS_OR_ADD'),
          ],
          response_mutations: [append('mcp-session-id', '%DYNAMIC_METADATA(holdfast:session)%', 'OVERWRITE_IF_EXISTS')],
        },
      }),
    },
    {
      name: 'envoy.filters.http.json_to_metadata',
      typed_config: typed('extensions.filters.http.json_to_metadata.v3.JsonToMetadata', {
        request_rules: {
          rules: ['method', 'id'].map((key) => ({
            selectors: [{ key }],
            on_present: { metadata_namespace: 'mcp', key },
          })),
        },
      }),
    },
    {
      name: 'envoy.filters.http.ext_proc',
      typed_config: typed('extensions.filters.http.ext_proc.v3.ExternalProcessor', {
        grpc_service: {
          envoy_grpc: { cluster_name: 'sidecar' },
          initial_metadata: [{ key: 'x-holdfast-server', value: 'linear' }],
        },
        ...asking,
        max_message_timeout: '30s',
        allow_mode_override: true,
        processing_mode: {
          request_header_mode: 'SEND',
          response_header_mode: 'SKIP',
          request_trailer_mode: 'SKIP',
          response_trailer_mode: 'SKIP',
        },
        response_attributes: ["xds.upstream_host_metadata.filter_metadata['holdfast']['slot']"],
      }),
    },
    {
      name: 'once',
      typed_config: typed('extensions.filters.http.ext_proc.v3.ExternalProcessor', {
        grpc_service: { envoy_grpc: { cluster_name: 'decide', skip_envoy_headers: true } },
        ...asking,
        stat_prefix: 'once',
        processing_mode: {
          request_header_mode: 'SEND',
          response_header_mode: 'SKIP',
          request_trailer_mode: 'SKIP',
          response_trailer_mode: 'SKIP',
        },
      }),
    },
    { name: 'envoy.filters.http.router', typed_config: typed('extensions.filters.http.router.v3.Router') },
  ];
  return {
    static_resources: {
      listeners: [
        {
          name: 'mcp',
          address: { socket_address: { address: '127.0.0.1', port_value: port } },
          filter_chains: [
            {
              filters: [
                {
                  name: 'hcm',
                  typed_config: typed('extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
                    stat_prefix: 'mcp',
                    stream_idle_timeout: '0s',
                    http_filters: filters,
                    early_header_mutation_extensions: [
                      {
                        name: 'envoy.http.early_header_mutation.header_mutation',
                        typed_config: typed('extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation', {
                          mutations: [{ remove_on_match: { key_matcher: { prefix: 'x-holdfast-' } } }],
                        }),
                      },
                    ],
                    local_reply_config: {
                      mappers: [
                        // The sidecar's own answers pass as they are.
                        {
                          filter: {
                            metadata_filter: {
                              matcher: {
                                filter: 'holdfast',
                                path: [{ key: 'answered' }],
                                value: { string_match: { exact: 'true' } },
                              },
                              match_if_key_not_found: false,
                            },
                          },
                        },
                        {
                          filter: {
                            status_code_filter: {
                              comparison: { op: 'GE', value: { default_value: 400, runtime_key: 'x' } },
                            },
                          },
                          body_format_override: { json_format: { mapped: '%RESPONSE_CODE_DETAILS%' } },
                        },
                      ],
                    },
                    route_config: {
                      name: 'mcp',
                      virtual_hosts: [
                        {
                          name: 'all',
                          domains: ['*'],
                          include_request_attempt_count: true,
                          routes: [
                            {
                              ...route,
                              match: { prefix: '/', headers: [{ name: 'mcp-session-id', present_match: true }] },
                              typed_per_filter_config: {
                                'envoy.filters.http.ext_proc': off,
                                'envoy.filters.http.header_mutation': typed(
                                  'extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute',
                                  {
                                    mutations: {
                                      request_mutations: [
                                        append('x-holdfast-server', 'linear', 'OVERWRITE_IF_EXISTS_OR_ADD'),
                                      ],
                                    },
                                  },
                                ),
                              },
                            },
                            { ...route, typed_per_filter_config: { once: off } },
                          ],
                        },
                      ],
                    },
                  }),
                },
              ],
            },
          ],
        },
      ],
      clusters: [
        ...Object.entries({ sidecar: socket, decide: unary }).map(([name, path]) => ({
          name,
          type: 'STATIC',
          circuit_breakers: limits,
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
              'extensions.upstreams.http.v3.HttpProtocolOptions',
              { explicit_http_config: { http2_protocol_options: {} } },
            ),
          },
          load_assignment: {
            cluster_name: name,
            endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path } } } }] }],
          },
        })),
        {
          name: 'linear',
          type: 'STATIC',
          connect_timeout: '1s',
          circuit_breakers: limits,
          common_lb_config: { healthy_panic_threshold: { value: 0 } },
          load_balancing_policy: {
            policies: [
              {
                typed_extension_config: {
                  name: 'envoy.load_balancing_policies.override_host',
                  typed_config: typed('extensions.load_balancing_policies.override_host.v3.OverrideHost', {
                    override_host_sources: [
                      { header: 'x-holdfast-host' },
                      { metadata: { key: 'holdfast', path: [{ key: 'host' }] } },
                    ],
                    fallback_policy: {
                      policies: [
                        {
                          typed_extension_config: {
                            name: 'envoy.load_balancing_policies.least_request',
                            typed_config: typed('extensions.load_balancing_policies.least_request.v3.LeastRequest'),
                          },
                        },
                      ],
                    },
                  }),
                },
              },
            ],
          },
          load_assignment: {
            cluster_name: 'linear',
            policy: { overprovisioning_factor: 100_000 },
            endpoints: [
              {
                priority: 0,
                lb_endpoints: replicas.map((replica) => ({
                  ...address(replica.port),
                  metadata: { filter_metadata: { holdfast: { slot: replica.slot } } },
                })),
              },
              { priority: 1, lb_endpoints: [address(relayPort)] },
            ],
          },
        },
      ],
    },
  };
}
