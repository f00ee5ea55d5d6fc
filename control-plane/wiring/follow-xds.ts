import type { Logger } from 'pino';
import type { XdsServer } from '../xds/xds-server.ts';
import type { GatewayRegistry } from './gateway-registry.ts';

/** Logs what happens on xDS streams, and keeps `gateways` in step with who is connected. */
export function followXds(xds: XdsServer, gateways: GatewayRegistry, log: Logger, onChange: () => void): void {
  xds.on('connect', ({ id: node, role, metadata }) => {
    log.info({ node, role }, 'xds connected');
    gateways.connected(node, role, metadata);
    onChange();
  });
  xds.on('disconnect', ({ id: node, role }, key, streams) => {
    log.info({ node, role, streams }, 'xds disconnected');
    if (streams > 0) return;
    // What changes while it is away it must be told when it comes back: resources are made anew then, equal ones are not sent again.
    xds.dropSnapshot(key);
    gateways.disconnected(node, role);
    onChange();
  });
  xds.on('nack', (refusal) => {
    if (refusal.isFinal) log.error({ refusal }, 'a client refused a resource; it is not sent again unchanged');
  });
  xds.on('failure', (key, error) => log.error({ node: key, error: error.message }, 'resources refused'));
}
