import { HEADER } from '../../proto/wire.ts';
import { typed } from '../../proto/xds/loader.ts';

/** Where Envoy gets every resource from that another one names: the one ADS stream. */
export const overAds = { ads: {}, resource_api_version: 'V3' };

/** Endpoints come over it as well. */
export const edsOverAds = { eds_config: overAds };

/**
 * Envoy's own limits are bounds against runaway here; load is not shed by them. By default 1,024 requests and 3
 * retries would fail the sessions of one dead replica, which all go to the relay at once. The relay's queue and retry
 * budget are the ones that count.
 */
export const openLimits = (most: number): object => ({
  thresholds: [
    {
      max_connections: most,
      max_pending_requests: most,
      max_requests: most,
      retry_budget: { budget_percent: { value: 100 }, min_retry_concurrency: Math.min(most, 10_000) },
    },
  ],
});

/**
 * Only what Envoy sees itself (connect failures, resets, connect timeouts) takes a host out. An MCP server's 5xx says
 * nothing of its sessions.
 */
export const ejectForLocalFaults = (times: { failures: number; interval: string; base: string; max: string }) => ({
  split_external_local_origin_errors: true,
  consecutive_local_origin_failure: times.failures,
  enforcing_consecutive_local_origin_failure: 100,
  enforcing_consecutive_5xx: 0,
  enforcing_consecutive_gateway_failure: 0,
  enforcing_success_rate: 0,
  enforcing_local_origin_success_rate: 0,
  enforcing_failure_percentage: 0,
  enforcing_failure_percentage_local_origin: 0,
  interval: times.interval,
  base_ejection_time: times.base,
  max_ejection_time: times.max,
  max_ejection_percent: 100,
});

/** A host is out only briefly: the control plane's probes decide on health. */
export const outlierDetection = ejectForLocalFaults({ failures: 3, interval: '0.5s', base: '2s', max: '10s' });

/** No panic: with every host out, requests go to the next priority. No merging: a health change acts at once. */
export const commonLb = { healthy_panic_threshold: { value: 0 }, update_merge_window: '0s' };

/** Node servers close idle connections after 5 s, as uvicorn does: ours are gone before, so that no request meets a closing one. */
const UPSTREAM_IDLE = '4s';

export const http1Options = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    {
      common_http_protocol_options: { idle_timeout: UPSTREAM_IDLE },
      explicit_http_config: { http_protocol_options: {} },
    },
  ),
};

/** Filters of a cluster that say in a header what an earlier attempt has sent: Envoy adds the bytes of all attempts up. */
export const tellSent = (key: string, before = ''): object[] => [
  {
    name: 'envoy.filters.http.header_mutation',
    typed_config: typed('envoy.extensions.filters.http.header_mutation.v3.HeaderMutation', {
      mutations: {
        request_mutations: [
          {
            append: {
              header: { key, value: `${before}%UPSTREAM_WIRE_BYTES_SENT%` },
              append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
            },
          },
        ],
      },
    }),
  },
  {
    name: 'envoy.filters.http.upstream_codec',
    typed_config: typed('envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec'),
  },
];

/** Each relay is told whether another one may have sent the request to a replica before: in digits, of which all are 0 if not. */
export const relayOptions = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    {
      common_http_protocol_options: { idle_timeout: UPSTREAM_IDLE },
      explicit_http_config: { http_protocol_options: {} },
      http_filters: tellSent(HEADER.sent, `%REQ(${HEADER.edgeSent})%`),
    },
  ),
};

/**
 * gRPC to a sidecar. A sidecar that hangs is left after 5 s; ext_proc's own timeout is shorter (2 s). A pause of a
 * garbage collection or a busy machine must not cut every stream.
 */
export const http2Options = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    {
      explicit_http_config: {
        http2_protocol_options: {
          connection_keepalive: { interval: '2s', timeout: '3s' },
          max_concurrent_streams: 10_000,
          // Envoy resets each stream that it has its answer for, or whose client is gone. 1,000 such frames that wait for a busy sidecar would
          // end the connection by default, and with it what all others have asked.
          max_outbound_control_frames: 100_000,
          max_outbound_frames: 200_000,
        },
      },
    },
  ),
};

export const policy = (name: string, type: string, value: object = {}): object => ({
  policies: [
    { typed_extension_config: { name: `envoy.load_balancing_policies.${name}`, typed_config: typed(type, value) } },
  ],
});

export const leastRequest = policy(
  'least_request',
  'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest',
);
