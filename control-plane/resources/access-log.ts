import { HEADER, METADATA, RESOURCE } from '../../proto/wire.ts';
import { typed } from '../../proto/xds/loader.ts';

const HOST = 'xds.upstream_host_metadata';

/** What a relay answered it reports itself. Without a host (an answer of Envoy's own) the rest of the expression has no value, so it is asked for first. */
const NOT_FROM_RELAY = `!has(${HOST}) || !has(${HOST}.filter_metadata.${METADATA.namespace}) || ${HOST}.filter_metadata.${METADATA.namespace}.state != 'relay'`;

/** Outcomes of what Envoy carried without a relay, in batches to the sidecar. */
export const accessLog: object = {
  name: 'envoy.access_loggers.http_grpc',
  filter: {
    extension_filter: {
      name: 'envoy.access_loggers.extension_filters.cel',
      typed_config: typed('envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter', { expression: NOT_FROM_RELAY }),
    },
  },
  typed_config: typed('envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig', {
    common_config: {
      log_name: 'mcp',
      transport_api_version: 'V3',
      grpc_service: { envoy_grpc: { cluster_name: RESOURCE.sidecarCluster } },
      buffer_flush_interval: '0.1s',
      buffer_size_bytes: 262_144,
      // The slot that answered, of the endpoint as it was then: a look-up by address later could meet the next life.
      custom_tags: [{ tag: 'slot', metadata: { kind: { host: {} }, metadata_key: { key: METADATA.namespace, path: [{ key: 'slot' }] } } }],
    },
    additional_request_headers_to_log: [HEADER.session, HEADER.method, HEADER.name, HEADER.protocolVersion, HEADER.server, HEADER.way, 'traceparent'],
    additional_response_headers_to_log: ['content-type', 'retry-after', HEADER.sessionId],
  }),
};
