import type { Logger } from 'pino';
import type { GatewayRegistry } from '../membership/gateway-registry.ts';
import type { XdsServer } from '../xds/xds-server.ts';

interface Followers {
  gateways: GatewayRegistry;
  log: Logger;
  /** Who is there has changed. */
  onChange: () => void;
}

/** Keeps the registry of gateways and the log up with what happens on the xDS port. */
export function followXds(xds: XdsServer, { gateways, log, onChange }: Followers): void {
  xds.on('connect', (node, _key, _streams, peer) => {
    log.info({ node: node.id, role: node.role }, 'xds connected');
    gateways.connected(node, peer);
    onChange();
  });
  xds.on('disconnect', ({ id: node, role }, key, streams) => {
    log.info({ node, role, streams }, 'xds disconnected');
    if (streams > 0) return;
    // What changes while it is away it must be told when it comes back: resources are made again then, equal ones are not sent again.
    xds.dropSnapshot(key);
    gateways.disconnected(node, role);
    onChange();
  });
  xds.on('nack', (refusal) => {
    if (refusal.isFinal) log.error({ refusal }, 'a client refused a resource; it is not sent again unchanged');
  });
}
