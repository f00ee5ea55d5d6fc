import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { watchAuthorities } from '../../proto/identity/authorities.ts';
import { limitLog } from '../../proto/identity/limit-log.ts';
import { ownMeshName } from '../../proto/identity/own-name.ts';
import type { ListenerTls } from '../config/schema-parts.ts';
import { GatewayRegistry } from './gateway-registry.ts';

export interface MembershipOptions {
  /** `controlPlane.tls` of the configuration at the start. */
  tls: ListenerTls | undefined;
  goneAfterMs: () => number;
  registry: Registry;
  log: Logger;
  now: () => number;
}

/**
 * The registry of gateways, with the mesh's certificates where they are configured. Refusals are counted and logged.
 * @throws CertificateError when this control plane's own certificate does not name a control plane.
 */
export function openMembership({ tls, goneAfterMs, registry, log, now }: MembershipOptions): GatewayRegistry {
  const refused = new Counter({
    name: 'holdfast_peers_refused_total',
    help: 'Processes that were not believed to be of this mesh, by where they came (xds, heartbeat) and why.',
    labelNames: ['entry', 'reason'],
    registers: [registry],
  });
  const isNews = limitLog(now);
  return new GatewayRegistry({
    trustDomain:
      tls?.clientCaFile === undefined ? null : ownMeshName(tls.certificateFile, 'control-plane', null).trustDomain,
    authorities: tls?.clientCaFile === undefined ? () => [] : watchAuthorities(tls.clientCaFile, now),
    goneAfterMs,
    now,
    onRefused: (entry, reason, { id, role }, host) => {
      refused.inc({ entry, reason });
      if (isNews(`${entry} ${reason} ${id}`))
        log.warn(
          { entry, reason, node: id.slice(0, 100), role: role.slice(0, 20), host },
          'not believed to be of this mesh: refused',
        );
    },
  });
}
