import { HEADER, RESOURCE } from '../../../proto/wire.ts';
import { typed } from '../../../proto/xds/loader.ts';
import type { EdgeConfig, GatewayConfig } from '../../config/config-schema.ts';
import type { TopologySnapshot } from '../../topology/topology.ts';
import { edsOverAds, ejectForLocalFaults, leastRequest, openLimits, tellSent } from '../cluster-parts.ts';
import { duration } from '../duration.ts';
import { envoyAddress } from '../address.ts';
import { upstreamTls } from '../tls.ts';

/** An idle connection to a gateway is closed before the gateway (300 s) would do it. */
const IDLE = '60s';

/**
 * A gateway that hangs, or whose VM stands still, keeps its connections, and its kernel answers keep-alive probes.
 * HTTP/2 pings it cannot answer, so its calls end after 1.2 s. Each call still has a connection of its own. A shared
 * one would end for all clients when one aborts 250 requests (Envoy's limit for premature resets). It would also stand
 * still behind bodies that nobody reads.
 */
const pinged = {
  connection_keepalive: { interval: '0.2s', timeout: '1s' },
  max_concurrent_streams: 1,
};

const httpOptions = (protocol: object): object => ({
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': typed(
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    { common_http_protocol_options: { idle_timeout: IDLE }, ...protocol },
  ),
});
const http1 = { explicit_http_config: { http_protocol_options: {} } };

/** By TLS each gateway says whether it speaks HTTP/2. Without, it takes that only from the addresses that its operator named. */
function protocolOfCalls({ edgeAddresses, http2 }: GatewayConfig, { gatewayTls }: EdgeConfig): object {
  if (gatewayTls) return { auto_config: { http_protocol_options: {}, http2_protocol_options: pinged } };
  return edgeAddresses.length > 0 || http2 === true
    ? { explicit_http_config: { http2_protocol_options: pinged } }
    : http1;
}

/**
 * A gateway whose machine is gone, or cut off, sends neither FIN nor RST. Its kernel's silence says so after 5 s, however long a replica works on
 * a call: keep-alive probes are not the gateway's to answer. There is no limit for unacknowledged data (TCP_USER_TIMEOUT): a gateway that takes
 * in a long body slowly would be taken for dead.
 */
const keepAlive = { tcp_keepalive: { keepalive_time: 3, keepalive_interval: 1, keepalive_probes: 2 } };

/** All gateway nodes: least request, checked actively, and taken out when connections fail. A gateway's 503 speaks of its replicas, not of itself. */
const gatewaysCluster = (name: string, protocol: object, snapshot: TopologySnapshot, edge: EdgeConfig): object => ({
  name,
  type: 'EDS',
  eds_cluster_config: { ...edsOverAds, service_name: RESOURCE.edgeCluster },
  connect_timeout: duration(edge.connectTimeoutMs),
  // Should every check fail at once, the checks are wrong rather than all gateways: then all are tried.
  common_lb_config: { healthy_panic_threshold: { value: 1 }, update_merge_window: '0s' },
  circuit_breakers: openLimits(snapshot.gateway.maxConnections),
  upstream_connection_options: keepAlive,
  health_checks: [
    {
      timeout: duration(snapshot.loadBalancer.healthCheckTimeoutMs),
      interval: duration(snapshot.loadBalancer.healthCheckIntervalMs),
      no_traffic_interval: duration(snapshot.loadBalancer.healthCheckIntervalMs),
      unhealthy_threshold: edge.ejectAfterFailures,
      healthy_threshold: 1,
      http_health_check: { path: snapshot.loadBalancer.healthCheckPath, host: 'gateway' },
    },
  ],
  outlier_detection: {
    ...ejectForLocalFaults({
      failures: edge.ejectAfterFailures,
      interval: '1s',
      base: duration(edge.ejectForMs),
      max: duration(edge.ejectForMs * 4),
    }),
    successful_active_health_check_uneject_host: true,
  },
  ignore_health_on_host_removal: true,
  typed_extension_protocol_options: httpOptions(protocol),
  load_balancing_policy: leastRequest,
  ...(edge.gatewayTls && { transport_socket: upstreamTls('gateways', edge.gatewayTls) }),
});

/**
 * One for calls, and one for what may be quiet for hours. A ping twice a second for each of many thousand GET streams
 * would cost more than they do. Their relays' comments tell whether those live (edge-routes.ts).
 */
export const gatewaysClusters = (snapshot: TopologySnapshot, edge: EdgeConfig): Array<[string, object]> => [
  [RESOURCE.edgeCluster, gatewaysCluster(RESOURCE.edgeCluster, http1, snapshot, edge)],
  [
    RESOURCE.edgeCallCluster,
    gatewaysCluster(
      RESOURCE.edgeCallCluster,
      { ...protocolOfCalls(snapshot.gateway, edge), http_filters: tellSent(HEADER.edgeSent) },
      snapshot,
      edge,
    ),
  ],
];

/** A draining gateway gets no new requests; what it has goes on. Several sidecar processes behind one Envoy are one gateway, which drains when they all do. */
export function gatewaysEndpoints({ gateways }: TopologySnapshot): object {
  const reachable = gateways.flatMap(({ listen, isDraining }) => (listen === null ? [] : [{ listen, isDraining }]));
  const byListen = Map.groupBy(reachable, ({ listen }) => listen);
  return {
    cluster_name: RESOURCE.edgeCluster,
    endpoints: [
      {
        lb_endpoints: [...byListen].map(([listen, processes]) => ({
          endpoint: { address: envoyAddress(listen) },
          ...(processes.every(({ isDraining }) => isDraining) && { health_status: 'DRAINING' }),
        })),
      },
    ],
  };
}

/**
 * An edge that was told of no gateway would refuse everything. So it is told nothing until there is one, and it keeps
 * those it has when all fall silent.
 */
export const hasGateways = ({ gateways }: TopologySnapshot): boolean => gateways.some(({ listen }) => listen !== null);
