import { RESOURCE } from '../../proto/wire.ts';
import { typed } from '../../proto/xds/loader.ts';
import type { TopologySnapshot } from '../topology/topology.ts';
import { accessLog } from './access-log.ts';
import { envoyListen } from './address.ts';
import { jsonToMetadata, sseToMetadata } from './filters/body-metadata.ts';
import { extProc, askUnary } from './filters/ext-proc.ts';
import { challengeFilters } from './filters/challenge.ts';
import { corsFilter } from './filters/cors.ts';
import { headerFileFilter } from './filters/header-files.ts';
import { jwtFilters } from './filters/jwt.ts';
import { FILTER } from './filters/names.ts';
import { rateLimitFilters } from './filters/rate-limit.ts';
import { sessionHeaders, sessionToMetadata } from './filters/session-id.ts';
import { clientSockets } from './client-sockets.ts';
import { connectionManager, namedRoutes, scopedRoutes } from './connection-manager.ts';
import type { EnvoyNode } from './node.ts';
import { hasScopes } from './scopes.ts';
import { downstreamTls } from './tls.ts';
import { tracingOf } from './tracing.ts';

/** More than an edge takes (edge-listener.ts), which adds some. By HTTP/2 a gateway resets what is beyond, and that looks like a gateway that is lost. */
const HEADERS = { count: 120, kib: 64 };

/**
 * The public port of a gateway. A changed filter chain drains its connections, event streams with them. So what is in here changes with the
 * configuration file's `gateway` section alone. What is of a server is in routes, endpoints and extensions.
 */
export function gatewayListener(snapshot: TopologySnapshot, node: EnvoyNode): object {
  const { gateway } = snapshot,
    isHttp2 = gateway.http2 ?? gateway.tls !== undefined;
  const httpFilters = filtersOf(snapshot);
  const ofEdges = gateway.edgeAddresses.map(cidrRange);
  const chain = (isHttp2Here: boolean, isOfEdges: boolean): object => ({
    ...(gateway.tls && { transport_socket: downstreamTls('gateway', gateway.tls, isHttp2Here) }),
    filters: [
      connectionManager({
        statPrefix: 'mcp',
        routes: hasScopes(snapshot) ? scopedRoutes(RESOURCE.listener) : namedRoutes(RESOURCE.routes),
        // An edge before this gateway says who the client is. Where it is known what connects from edges, nobody else does.
        xffTrustedHops: gateway.xffTrustedHops ?? (snapshot.edge !== null && isOfEdges ? 1 : 0),
        isHttp2: isHttp2Here,
        headers: HEADERS,
        requestMs: gateway.limits.requestMs,
        ...(gateway.accessLogs && { accessLog }),
        tracing: tracingOf(snapshot.tracing, node),
        httpFilters,
      }),
    ],
  });
  return {
    name: RESOURCE.listener,
    address: envoyListen(node.listen),
    // Reading JSON answers holds each one back until it is complete, so then what may lie here is their limit as well.
    ...clientSockets(gateway.responseOutcomes === 'all' ? gateway.maxJsonAnswerBytes : undefined),
    ...(gateway.tls && {
      listener_filters: [
        {
          name: 'envoy.filters.listener.tls_inspector',
          typed_config: typed('envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector'),
        },
      ],
    }),
    filter_chains: [
      ...(ofEdges.length > 0
        ? [{ name: 'edges', filter_chain_match: { source_prefix_ranges: ofEdges }, ...chain(true, true) }]
        : []),
      chain(isHttp2, ofEdges.length === 0),
    ],
  };
}

const cidrRange = (block: string): object => {
  const [address, length] = block.split('/');
  return { address_prefix: address, prefix_len: Number(length) };
};

const filtersOf = (snapshot: TopologySnapshot): object[] => [
  corsFilter,
  ...jwtFilters,
  ...challengeFilters,
  // Before the id is taken apart: a session is counted by what its client holds.
  ...rateLimitFilters,
  // When this filter has read a body, Envoy looks for the route again. The id must still be the client's
  // then, or a steady route becomes `decide`.
  jsonToMetadata(snapshot.gateway.responseOutcomes === 'all'),
  sessionToMetadata,
  sessionHeaders,
  // Not by default: an event that is no JSON object crashes it (README).
  ...(snapshot.gateway.responseOutcomes === 'off' ? [] : [sseToMetadata]),
  extProc,
  askUnary,
  headerFileFilter,
  // Counters by status code would say 200 to everything; outcomes say more (sidecar/outcome).
  {
    name: FILTER.router,
    typed_config: typed('envoy.extensions.filters.http.router.v3.Router', {
      suppress_envoy_headers: true,
      dynamic_stats: false,
    }),
  },
];
