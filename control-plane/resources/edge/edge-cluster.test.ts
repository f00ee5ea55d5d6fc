import test from 'ava';
import { buildTopology } from '../../topology/build-topology.ts';
import { configOf, inputsOf } from '../testing/golden-cases.ts';
import { gatewaysClusters } from './edge-cluster.ts';

const config = configOf(
  'edge: {gatewayTls: {caFile: /ca.crt, serverName: mesh}}\nservers: [{name: linear, backends: [{name: stable, replicas: ["10.0.0.1:1"]}]}]',
);
const OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
interface Cluster {
  connect_timeout: string;
  typed_extension_protocol_options: Record<
    typeof OPTIONS,
    { auto_config?: { http2_protocol_options?: { connection_keepalive: { timeout: string } } } }
  >;
}
const ms = (duration: string): number => Number.parseFloat(duration) * 1000;

test('a frozen gateway that never finishes a TLS handshake is left as soon as one that answers no ping', (t) => {
  const { edge } = config;
  if (!edge) return t.fail();
  const clusters = gatewaysClusters(buildTopology(inputsOf(config)), edge).map(([, cluster]) => cluster as Cluster);
  // Envoy chooses the protocol after the handshake, so no ping watches over it.
  const pings = clusters.flatMap((cluster) => {
    const { auto_config } = cluster.typed_extension_protocol_options[OPTIONS];
    return auto_config?.http2_protocol_options?.connection_keepalive.timeout ?? [];
  });
  t.is(pings.length, 1);
  for (const { connect_timeout } of clusters) t.true(ms(connect_timeout) <= ms(pings[0] ?? '0s'), connect_timeout);
});
