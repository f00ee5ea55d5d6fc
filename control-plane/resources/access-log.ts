import { HEADER, METADATA, RESOURCE } from '../../proto/wire.ts';
import { typed } from '../../proto/xds/loader.ts';

const header = (name: string, match: object): object => ({ header_filter: { header: { name, ...match } } });

/**
 * What a relay answered it reports itself. Left to Envoy: routes that don't lead to the relay, and those that do when it could not be
 * had (a second attempt, or none at all). Plain header matches: a CEL expression over the host's metadata cost 5 µs a request.
 */
const notFromRelay: object = {
  or_filter: {
    filters: [
      header(HEADER.guard, { present_match: true, invert_match: true }),
      header(HEADER.attemptCount, { present_match: true, invert_match: true }),
      header(HEADER.attemptCount, { string_match: { exact: '1' }, invert_match: true }),
    ],
  },
};

/** Outcomes of what Envoy carried without a relay, in batches to the sidecar. */
export const accessLog: object = {
  name: 'envoy.access_loggers.http_grpc',
  filter: notFromRelay,
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
    // The server is in the route's name, session and method in dynamic metadata, which is sent anyway: only what these don't say costs extra.
    additional_request_headers_to_log: [HEADER.method, HEADER.name, 'traceparent'],
    additional_response_headers_to_log: ['content-type', 'retry-after', HEADER.sessionId],
  }),
};
