import { HEADER, METADATA, RESOURCE } from '../../proto/wire.ts';
import type { ServerTopology, TopologySnapshot } from '../topology/topology.ts';
import {
  commonLb,
  edsOverAds,
  http1Options,
  relayOptions,
  http2Options,
  leastRequest,
  openLimits,
  outlierDetection,
  policy,
} from './cluster-parts.ts';
import { duration } from './duration.ts';
import { jwksCluster } from './filters/jwt.ts';
import type { EnvoyNode } from './node.ts';
import { upstreamSecrets, upstreamTls } from './tls.ts';

/** Every replica of a server, this node's relay behind them, and the neighbours' relays behind that (endpoints.ts). */
export function serverCluster(server: ServerTopology, snapshot: TopologySnapshot): object {
  const withTls = server.backends.flatMap(({ name, tls }) => (tls ? [{ name, tls }] : []));
  return {
    name: RESOURCE.serverCluster(server.name),
    type: 'EDS',
    eds_cluster_config: edsOverAds,
    connect_timeout: duration(server.policy.timeouts.connectMs),
    common_lb_config: commonLb,
    circuit_breakers: openLimits(snapshot.gateway.maxConnections),
    outlier_detection: outlierDetection,
    typed_extension_protocol_options: http1Options,
    // Pins: each attempt takes the next address of the list, whatever that host's health; the sidecar's word before the route's. Without one, least request over those that take new sessions.
    load_balancing_policy: policy(
      'override_host',
      'envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost',
      {
        override_host_sources: [
          { metadata: { key: METADATA.namespace, path: [{ key: METADATA.host }] } },
          { header: HEADER.host },
        ],
        fallback_policy: leastRequest,
      },
    ),
    ...socketMatches([
      ...withTls.map((backend) => ({
        name: backend.name,
        match: { backend: backend.name },
        transport_socket: upstreamTls(`${server.name}/${backend.name}`, backend.tls),
      })),
      ...peerSockets(snapshot),
    ]),
  };
}

/**
 * The same for guarded sessions of a node that has no neighbour: its relay, and the replica itself when that is gone. A
 * relay that takes a connection late is not gone, and past it there is neither guard nor limit. With `connectMs`, an
 * Envoy that got no CPU for a second sent 509 of 600 calls past it.
 */
export const guardedCluster = (server: ServerTopology, snapshot: TopologySnapshot): object => ({
  ...serverCluster(server, snapshot),
  name: RESOURCE.guardedCluster(server.name),
  eds_cluster_config: { ...edsOverAds, service_name: RESOURCE.serverCluster(server.name) },
  connect_timeout: RELAY_CONNECT_TIMEOUT,
});

/** A relay that is gone refuses at once. An Envoy that gets no CPU for a moment must not take its own relay for lost: each relay has limits of its own. */
const RELAY_CONNECT_TIMEOUT = '5s';

/** Owner of the secrets towards neighbours' sidecars. */
export const PEERS = 'peers';

/**
 * This node's own sidecar is a Unix socket or on loopback. Neighbours are reached over the network, so those that ask for it (endpoints.ts)
 * are reached by mTLS.
 */
const peerSockets = ({ gateway: { peerTls } }: TopologySnapshot): object[] =>
  peerTls ? [{ name: PEERS, match: { peer: true }, transport_socket: upstreamTls(PEERS, peerTls) }] : [];
const socketMatches = (matches: object[]): object => (matches.length > 0 ? { transport_socket_matches: matches } : {});

/**
 * Envoy takes its own sidecar out when it starts before it, for some seconds. Should the neighbours go just then, it is
 * tried all the same. When all sidecars are out, the own one is the best guess; one that is gone refuses at once.
 */
const commonLbOfSidecars = { ...commonLb, healthy_panic_threshold: { value: 1 } };

/** What the clusters of sidecars have in common. `more` wins. */
const ofSidecars = (name: string, snapshot: TopologySnapshot, more: object): object => ({
  name,
  type: 'EDS',
  eds_cluster_config: edsOverAds,
  connect_timeout: '0.5s',
  common_lb_config: commonLbOfSidecars,
  circuit_breakers: openLimits(snapshot.gateway.maxConnections),
  outlier_detection: outlierDetection,
  load_balancing_policy: leastRequest,
  ...socketMatches(peerSockets(snapshot)),
  ...more,
});

/** ext_proc and access logs. */
export const sidecarCluster = (snapshot: TopologySnapshot): object =>
  ofSidecars(RESOURCE.sidecarCluster, snapshot, { typed_extension_protocol_options: http2Options });

/** Whom Envoy asks about requests that name a session: whichever process of this node's, then the neighbours'. */
export const decideCluster = (snapshot: TopologySnapshot): object =>
  ofSidecars(RESOURCE.decideCluster, snapshot, { typed_extension_protocol_options: http2Options });

/**
 * The relay alone. With one process the retry's priority decides, so a dead relay costs one attempt, and the neighbour
 * answers. It is not taken out: when it is back it has its node's calls at once. With ejection they stayed at the
 * neighbour's for up to 10 s. A neighbour that was killed then took them with it (503 without an id, 2 of 6). With
 * several processes a session always meets the same one, which then knows its streams. A ring does not look at the
 * retry's priority (Envoy's thread-aware policies don't), so there one refused connection takes a process out.
 */
export const relayCluster = (snapshot: TopologySnapshot, node: EnvoyNode): object =>
  ofSidecars(RESOURCE.relayCluster, snapshot, {
    connect_timeout: RELAY_CONNECT_TIMEOUT,
    typed_extension_protocol_options: relayOptions,
    ...(node.relay.length <= 1 && {
      outlier_detection: { ...outlierDetection, enforcing_consecutive_local_origin_failure: 0 },
    }),
    ...(node.relay.length > 1 && {
      outlier_detection: { ...outlierDetection, consecutive_local_origin_failure: 1 },
      load_balancing_policy: policy('ring_hash', 'envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash', {
        minimum_ring_size: 64,
      }),
    }),
  });

/** Where a server's JWT keys are fetched from; none when they are in a file. */
export function jwksClusters(server: ServerTopology): Array<[string, object]> {
  if (server.jwt?.jwksUrl === undefined) return [];
  const { protocol, hostname, port } = new URL(server.jwt.jwksUrl);
  const isTls = protocol === 'https:';
  const host = hostname.replace(/^\[|\]$/g, '');
  const name = jwksCluster(server.name);
  return [
    [
      name,
      {
        name,
        // Not the extension `envoy.cluster.dns`: Envoy looks for a cluster's factory by the type that is packed, and finds none for a TypedStruct.
        type: 'STRICT_DNS',
        dns_lookup_family: 'ALL',
        connect_timeout: '2s',
        load_assignment: {
          cluster_name: name,
          endpoints: [
            {
              lb_endpoints: [
                {
                  endpoint: {
                    address: { socket_address: { address: host, port_value: Number(port) || (isTls ? 443 : 80) } },
                    hostname: host,
                  },
                },
              ],
            },
          ],
        },
        ...(isTls && { transport_socket: upstreamTls(name, { serverName: host }) }),
      },
    ],
  ];
}

/** Files that a server's clusters read certificates from. */
export const serverSecrets = (server: ServerTopology): Array<[string, object]> => [
  ...server.backends.flatMap((backend) =>
    !backend.tls ? [] : upstreamSecrets(`${server.name}/${backend.name}`, backend.tls),
  ),
  ...(server.jwt?.jwksUrl?.startsWith('https:')
    ? upstreamSecrets(jwksCluster(server.name), { serverName: new URL(server.jwt.jwksUrl).hostname })
    : []),
];
