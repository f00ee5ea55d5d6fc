import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { ReplicaTls } from '../../proto/endpoint.ts';
import { limitLog } from '../../proto/identity/limit-log.ts';
import { ownMeshName } from '../../proto/identity/own-name.ts';
import type { PeerTls } from '../../proto/identity/peer-guard.ts';
import { heartbeatSigner, type HeartbeatSigner } from '../../proto/identity/signed-heartbeat.ts';
import { certificateFiles } from '../../proto/tls/certificate-files.ts';
import type { ControlPlaneTls } from '../xds/ads-connection.ts';

export interface IdentityOptions {
  /** Of certificates (proto/tls/certificate-files.ts). */
  folder: string;
  nodeId: string;
  metrics: { peerRefused(entry: string, reason: string): void };
  log: Logger;
  now: () => number;
}
export interface Identity {
  /** Towards the control plane, which must be one. */
  controlPlane: ControlPlaneTls;
  /** Towards neighbours' relays, which must be gateways. */
  neighbour: ReplicaTls;
  /** A port that only neighbours may use; `entry` names it in metric and log. */
  port(entry: 'relay' | 'ext_proc'): PeerTls;
  /** Signs heartbeats with the certificate that is there now. */
  signer(): HeartbeatSigner | null;
}

/**
 * Who this node is by its certificate, and whom it believes: the control planes and gateways of the same mesh.
 * @throws CertificateError when the certificate is not this node's.
 */
export function openIdentity({ folder, nodeId, metrics, log, now }: IdentityOptions): Identity {
  const files = certificateFiles(folder, nodeId);
  const { trustDomain } = ownMeshName(files.certificateFile, 'gateway', nodeId);
  const isNews = limitLog(now);
  let signer: HeartbeatSigner | null = null;
  return {
    controlPlane: { ...files, expects: { trustDomain, role: 'control-plane' } },
    neighbour: { ...files, expects: { trustDomain, role: 'gateway' } },
    port: (entry) => ({
      ...files,
      expects: { trustDomain, role: 'gateway' },
      onRefused(reason, host) {
        metrics.peerRefused(entry, reason);
        if (isNews(`${entry} ${reason} ${host}`))
          log.warn({ entry, reason, host }, 'not a gateway of this mesh: refused');
      },
    }),
    signer() {
      try {
        signer = heartbeatSigner(readFileSync(files.certificateFile, 'utf8'), readFileSync(files.keyFile, 'utf8'));
      } catch (error) {
        // In the middle of being renewed: the former is good for a while.
        if (isNews('signer'))
          log.warn({ err: error }, 'the certificate can’t be read; heartbeats are signed with the former');
      }
      return signer;
    },
  };
}
