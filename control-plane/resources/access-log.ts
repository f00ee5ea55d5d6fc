import { accessLogFormat } from '../../proto/access-log.ts';
import { HEADER, RESOURCE } from '../../proto/wire.ts';
import { typed } from '../../proto/xds/loader.ts';
import { toNeighbour } from './retry-policy.ts';

const header = (name: string, match: object): object => ({ header_filter: { header: { name, ...match } } });

/**
 * A relay reports what it answered itself. Envoy logs the other routes, and requests that a relay did not take: a
 * second attempt, or none at all. Plain header matches: a CEL expression over the host's metadata cost 5 µs a request.
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

/** Outcomes of what Envoy carried without a relay, in batches to the sidecar: `proto/access-log.ts` says what is in them. */
export const accessLog: object = {
  name: 'envoy.access_loggers.open_telemetry',
  filter: notFromRelay,
  typed_config: typed('envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig', {
    common_config: {
      log_name: 'mcp',
      transport_api_version: 'V3',
      // What found nobody at this node's sidecar goes to a neighbour's. A batch that somebody began to read is never sent twice.
      grpc_service: { envoy_grpc: { cluster_name: RESOURCE.sidecarCluster }, retry_policy: toNeighbour },
      buffer_flush_interval: '0.1s',
      buffer_size_bytes: 262_144,
    },
    disable_builtin_labels: true,
    body: { string_value: accessLogFormat },
  }),
};
