import { typed } from '../../proto/xds/loader.ts';
import { duration } from './duration.ts';
import { overAds } from './cluster-parts.ts';
import { localReply } from './local-reply.ts';

interface ConnectionManagerOptions {
  statPrefix: string;
  /** Where its routes come from: `namedRoutes`, or `scopedRoutes`. */
  routes: object;
  xffTrustedHops: number;
  /** Whether clients may speak HTTP/2 here. */
  isHttp2: boolean;
  /** Headers that no client may send here. */
  ownHeaders?: readonly string[];
  /** Most headers of a request, and most KiB of them. */
  headers: { count: number; kib: number };
  /** Time for a client to send its request, body included; 0: no limit. */
  requestMs: number;
  accessLog?: object;
  /** Of `tracingOf`. */
  tracing: object;
  /** What it answers by itself. */
  replies?: object;
  httpFilters: object[];
}

/** Names that only the mesh may set; a client that sends them could choose its replica, or Envoy's retries. */
const strip = [
  { remove_on_match: { key_matcher: { prefix: 'x-holdfast-' } } },
  { remove_on_match: { key_matcher: { prefix: 'x-envoy-' } } },
];

const removed = (names: readonly string[]): object[] =>
  names.map((exact) => ({ remove_on_match: { key_matcher: { exact } } }));

/** Another path than the one that was routed, for replicas whose framework believes them. No proxy in front has a reason to set them. */
const otherPaths = removed(['x-original-url', 'x-rewrite-url']);

/** What a proxy in front says of the request; where no proxy is trusted, only a client can have said it. */
const claimsOfProxies = removed([
  'forwarded',
  'x-forwarded-host',
  'x-forwarded-prefix',
  'x-forwarded-port',
  'x-real-ip',
]);

/** One route configuration, by its name. */
export const namedRoutes = (name: string): object => ({ rds: { route_config_name: name, config_source: overAds } });

/** One for each path: Envoy looks the path up, without its query. What has none is answered with 404. */
export const scopedRoutes = (name: string): object => ({
  scoped_routes: {
    name,
    scope_key_builder: {
      fragments: [{ header_value_extractor: { name: ':path', element_separator: '?', index: 0 } }],
    },
    rds_config_source: overAds,
    scoped_rds: { scoped_rds_config_source: overAds },
  },
});

/** HTTP of a listener. Every timeout that could cut a quiet event stream is off; those that bound a slow beginning are on. */
export function connectionManager({
  statPrefix,
  routes,
  xffTrustedHops,
  isHttp2,
  ownHeaders = [],
  headers,
  requestMs,
  accessLog,
  tracing,
  replies = localReply,
  httpFilters,
}: ConnectionManagerOptions): object {
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
      stat_prefix: statPrefix,
      codec_type: isHttp2 ? 'AUTO' : 'HTTP1',
      ...routes,
      early_header_mutation_extensions: [
        {
          name: 'envoy.http.early_header_mutation.header_mutation',
          typed_config: typed('envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation', {
            mutations: [
              ...strip,
              ...otherPaths,
              ...removed(ownHeaders),
              ...(xffTrustedHops === 0 ? claimsOfProxies : []),
            ],
          }),
        },
      ],
      // A connection without a request is closed after 5 minutes; one that has not sent its headers after 10 s as well.
      common_http_protocol_options: { idle_timeout: '300s', max_headers_count: headers.count },
      max_request_headers_kb: headers.kib,
      request_headers_timeout: '10s',
      stream_idle_timeout: '0s',
      // Ends with the request's last byte, so it never cuts an answer.
      request_timeout: duration(requestMs),
      // nginx's default towards its upstreams, and health checks of balancers; they may come without Host.
      http_protocol_options: { accept_http_10: true, default_host_for_http_10: 'http-1.0.invalid' },
      http2_protocol_options: {
        // A stream with a body that does not come costs 33 KB: of 1,000 on each, 100 connections filled the memory.
        max_concurrent_streams: 100,
        initial_stream_window_size: 65_536,
        initial_connection_window_size: 1_048_576,
      },
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      use_remote_address: true,
      xff_num_trusted_hops: xffTrustedHops,
      // Nobody is trusted for being near: x-envoy-* headers come from outside whatever the address.
      internal_address_config: { unix_sockets: false },
      normalize_path: true,
      merge_slashes: true,
      path_with_escaped_slashes_action: 'REJECT_REQUEST',
      // Replicas' own Server header passes; request ids are left to traceparent.
      server_header_transformation: 'PASS_THROUGH',
      generate_request_id: false,
      preserve_external_request_id: true,
      stream_error_on_invalid_http_message: true,
      ...tracing,
      local_reply_config: replies,
      ...(accessLog && { access_log: [accessLog] }),
      http_filters: httpFilters,
    }),
  };
}
