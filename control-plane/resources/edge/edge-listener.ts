import { HEADER } from '../../../proto/wire.ts';
import { typed } from '../../../proto/xds/loader.ts';
import type { EdgeConfig, GatewayConfig } from '../../config/config-schema.ts';
import { envoyListen } from '../address.ts';
import { clientSockets } from '../client-sockets.ts';
import { connectionManager, namedRoutes } from '../connection-manager.ts';
import type { EnvoyNode } from '../node.ts';
import type { Tracing } from '../../../proto/tracing.ts';
import { downstreamTls } from '../tls.ts';
import { tracingOf } from '../tracing.ts';
import { brokenStreams } from './broken-streams.ts';
import { edgeReply, requestToMetadata } from './edge-reply.ts';
import { EDGE_ROUTES } from './edge-routes.ts';

const managerOf = (requestMs: number, xffTrustedHops: number, isHttp2: boolean, tracing: object): object =>
  connectionManager({
    statPrefix: 'edge',
    routes: namedRoutes(EDGE_ROUTES),
    xffTrustedHops,
    isHttp2,
    ownHeaders: [HEADER.edgeSent],
    headers: { count: 100, kib: 60 },
    requestMs,
    tracing,
    replies: edgeReply,
    httpFilters: [
      requestToMetadata,
      brokenStreams,
      {
        name: 'envoy.filters.http.router',
        typed_config: typed('envoy.extensions.filters.http.router.v3.Router', { suppress_envoy_headers: true }),
      },
    ],
  });

/** The edge's plain port, and its TLS port when it has one. */
export function edgeListeners(
  edge: EdgeConfig,
  { limits }: GatewayConfig,
  tracing: Tracing | null,
  node: EnvoyNode,
): Array<[string, object]> {
  const manager = (isHttp2: boolean): object =>
    managerOf(limits.requestMs, edge.xffTrustedHops, isHttp2, tracingOf(tracing, node));
  const isHttp2 = edge.http2 ?? true;
  const plain = {
    name: 'edge',
    address: envoyListen(node.listen),
    ...clientSockets(),
    filter_chains: [{ filters: [manager(edge.http2 ?? false)] }],
  };
  if (edge.tls === undefined || edge.tlsListen === undefined) return [['edge', plain]];
  return [
    ['edge', plain],
    [
      'edge-tls',
      {
        name: 'edge-tls',
        address: envoyListen(edge.tlsListen),
        ...clientSockets(),
        filter_chains: [{ transport_socket: downstreamTls('edge', edge.tls, isHttp2), filters: [manager(isHttp2)] }],
      },
    ],
  ];
}
