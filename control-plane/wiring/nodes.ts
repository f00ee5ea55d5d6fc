import { serverCredentials } from '../../proto/tls/grpc-credentials.ts';
import { RESOURCE } from '../../proto/wire.ts';
import type { GatewayRegistry } from '../membership/gateway-registry.ts';
import { openMembership } from '../membership/open-membership.ts';
import type { ConfigSource } from '../sources/config-source.ts';
import { XdsServer } from '../xds/xds-server.ts';
import type { Runtime } from './runtime.ts';

/** The nodes of the mesh as they come to this process: who belongs to it, and the server that tells them what there is. */
export interface Nodes {
  membership: GatewayRegistry;
  xds: XdsServer;
  /** Serves on `ip:port`, and gives the port. Nobody is told anything before. */
  listen(address: string): Promise<number>;
}

/** @throws CertificateError when this control plane's own certificate does not name a control plane. */
export function openNodes(
  { registry, errors, log, now }: Runtime,
  config: Pick<ConfigSource, 'current' | 'file'>,
): Nodes {
  const { tls } = config.file.controlPlane;
  const goneAfterMs = (): number => config.current.ha.failoverTimeoutMs;
  const membership = openMembership({ tls, goneAfterMs, registry, log, now });
  const xds = new XdsServer({
    registry,
    errors,
    staticClusters: [RESOURCE.xdsCluster],
    admit: (node, peer) => membership.admit(node, peer) === null,
  });
  return {
    membership,
    xds,
    listen: (address) =>
      xds.listen(
        address,
        // Who shows no certificate of ours gets as far as being refused, so that it is seen (GatewayRegistry.admit).
        tls && serverCredentials({ ...tls, caFile: tls.clientCaFile ?? tls.certificateFile }),
      ),
  };
}
