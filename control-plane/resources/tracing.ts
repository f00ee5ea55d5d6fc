import { dirname } from 'node:path';
import { METADATA } from '../../proto/wire.ts';
import { tracesPath, type Tracing } from '../../proto/tracing.ts';
import { typed } from '../../proto/xds/loader.ts';
import { duration } from './duration.ts';
import type { EnvoyNode } from './node.ts';
import { upstreamSecrets, upstreamTls } from './tls.ts';

/** The collector's cluster, and the owner of its secrets. */
export const COLLECTOR = 'otlp-collector';
const CONNECT_TIMEOUT = '1s';
/** Requests and connections at a time towards a collector: one that is slow loses spans, and holds no more than these. */
const MOST = 16;

const FILE_CONTENT = {
  name: 'envoy.formatter.file_content',
  typed_config: typed('envoy.extensions.formatter.file_content.v3.FileContent'),
};

/** Sets the headers on the way out, so that no configuration holds their values. Envoy reads each file where it runs, and again when it changes. */
const headersFromFiles = (headerFiles: Tracing['headerFiles']): object => ({
  name: 'envoy.filters.http.header_mutation',
  typed_config: typed('envoy.extensions.filters.http.header_mutation.v3.HeaderMutation', {
    mutations: {
      formatters: [FILE_CONTENT],
      request_mutations: Object.entries(headerFiles).map(([key, file]) => ({
        append: {
          header: { key, value: `%FILE_CONTENT(${file}:${dirname(file)})%` },
          append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
        },
      })),
    },
  }),
});

/** A file's last line break would end the request (HTTP/1) or go along (HTTP/2), and no formatter leaves it out. It runs once for each batch of spans. */
const withoutLineBreaks = (headerFiles: Tracing['headerFiles']): object => ({
  name: 'envoy.filters.http.lua',
  typed_config: typed('envoy.extensions.filters.http.lua.v3.Lua', {
    default_source_code: {
      inline_string: [
        'function envoy_on_request(handle)',
        '  local headers = handle:headers()',
        `  for _, name in ipairs({${Object.keys(headerFiles)
          .map((name) => JSON.stringify(name))
          .join(', ')}}) do`,
        '    local value = headers:get(name)',
        '    if value then headers:replace(name, (value:gsub("%s+$", ""))) end',
        '  end',
        'end',
      ].join('\n'),
    },
  }),
});

const codec = {
  name: 'envoy.filters.http.upstream_codec',
  typed_config: typed('envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec'),
};

const hostOf = ({ endpoint }: Tracing): string => new URL(endpoint).hostname.replace(/^\[|\]$/g, '');

const tlsOf = (tracing: Tracing) => ({
  serverName: hostOf(tracing),
  ...(tracing.caFile !== undefined && { caFile: tracing.caFile }),
});

const isTls = ({ endpoint }: Tracing): boolean => endpoint.startsWith('https:');

export function collectorCluster(tracing: Tracing): object {
  const isGrpc = tracing.protocol === 'grpc';
  const host = hostOf(tracing);
  const port = Number(new URL(tracing.endpoint).port) || (isTls(tracing) ? 443 : 80);
  return {
    name: COLLECTOR,
    // As for keys (clusters.ts): Envoy finds no factory for another type of cluster in a TypedStruct.
    type: 'STRICT_DNS',
    dns_lookup_family: 'ALL',
    connect_timeout: CONNECT_TIMEOUT,
    circuit_breakers: {
      thresholds: [{ max_connections: MOST, max_pending_requests: MOST, max_requests: MOST, max_retries: 0 }],
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        {
          common_http_protocol_options: { idle_timeout: '60s' },
          explicit_http_config: isGrpc ? { http2_protocol_options: {} } : { http_protocol_options: {} },
          ...(Object.keys(tracing.headerFiles).length > 0 && {
            http_filters: [headersFromFiles(tracing.headerFiles), withoutLineBreaks(tracing.headerFiles), codec],
          }),
        },
      ),
    },
    load_assignment: {
      cluster_name: COLLECTOR,
      endpoints: [
        {
          lb_endpoints: [
            { endpoint: { address: { socket_address: { address: host, port_value: port } }, hostname: host } },
          ],
        },
      ],
    },
    ...(isTls(tracing) && { transport_socket: upstreamTls(COLLECTOR, tlsOf(tracing)) }),
  };
}

export const collectorSecrets = (tracing: Tracing): Array<[string, object]> =>
  isTls(tracing) ? upstreamSecrets(COLLECTOR, tlsOf(tracing)) : [];

/** Whether Envoys of this role send spans. */
export const sendsSpans = ({ from }: Tracing, role: EnvoyNode['role']): boolean => from.includes(`${role}s`);

const service = (tracing: Tracing): object =>
  tracing.protocol === 'grpc'
    ? {
        grpc_service: {
          envoy_grpc: { cluster_name: COLLECTOR, authority: hostOf(tracing) },
          timeout: duration(tracing.timeoutMs),
        },
      }
    : {
        http_service: {
          http_uri: {
            uri: `${new URL(tracing.endpoint).origin}${tracesPath(tracing)}`,
            cluster: COLLECTOR,
            timeout: duration(tracing.timeoutMs),
          },
        },
      };

const MILLION = 1_000_000;

function sampler({ sampling: { ratio, followClients } }: Tracing): object {
  const byRatio = {
    name: 'envoy.tracers.opentelemetry.samplers.trace_id_ratio_based',
    typed_config: typed('envoy.extensions.tracers.opentelemetry.samplers.v3.TraceIdRatioBasedSamplerConfig', {
      sampling_percentage: { numerator: Math.round(ratio * MILLION), denominator: 'MILLION' },
    }),
  };
  if (!followClients) return byRatio;
  return {
    name: 'envoy.tracers.opentelemetry.samplers.parent_based',
    typed_config: typed('envoy.extensions.tracers.opentelemetry.samplers.v3.ParentBasedSamplerConfig', {
      wrapped_sampler: byRatio,
    }),
  };
}

const fromMetadata = (tag: string, kind: 'request' | 'route' | 'host', key: string, name: string): object => ({
  tag,
  metadata: { kind: { [kind]: {} }, metadata_key: { key, path: [{ key: name }] } },
});

/**
 * What Envoy knows of a request. Where a relay reads the body instead, its span says method and tool. Few, because Envoy evaluates them for traces that
 * nobody keeps as well.
 */
const TAGS = [
  fromMetadata('mcp.method.name', 'request', METADATA.request, 'method'),
  fromMetadata('holdfast.server', 'route', METADATA.namespace, 'server'),
  fromMetadata('holdfast.slot', 'host', METADATA.namespace, 'slot'),
];

/** The part of a listener's connection manager that makes spans; none of it where nothing is traced. */
export const tracingOf = (tracing: Tracing | null, node: EnvoyNode): object =>
  tracing === null || !sendsSpans(tracing, node.role)
    ? {}
    : {
        // The sampler decides, not the request id, which this mesh does without.
        request_id_extension: {
          typed_config: typed('envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig', {
            pack_trace_reason: false,
            use_request_id_for_trace_sampling: false,
          }),
        },
        tracing: {
          // One span for each request and Envoy: a second one for its upstream cost 3 µs, and tells what its child tells.
          spawn_upstream_span: false,
          operation: '%REQ(:METHOD)%',
          // The query of HTTP+SSE holds a session id, which is a credential.
          max_path_tag_length: 1,
          custom_tags: TAGS,
          provider: {
            name: 'envoy.tracers.opentelemetry',
            typed_config: typed('envoy.config.trace.v3.OpenTelemetryConfig', {
              ...service(tracing),
              service_name: `holdfast-${node.role}`,
              resource_detectors: [
                {
                  name: 'envoy.tracers.opentelemetry.resource_detectors.static_config',
                  typed_config: typed(
                    'envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig',
                    { attributes: { 'service.instance.id': node.id } },
                  ),
                },
              ],
              sampler: sampler(tracing),
            }),
          },
        },
      };
