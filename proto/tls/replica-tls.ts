import { existsSync, readFileSync } from 'node:fs';
import type { PeerCertificate } from 'node:tls';
import type { ReplicaTls } from '../endpoint.ts';
import { expectServer } from '../identity/expected-peer.ts';

/** Where Debian, Alpine and Envoy's image keep the authorities that the machine trusts; Node would only know those it was built with. */
export const SYSTEM_CA_FILE = '/etc/ssl/certs/ca-certificates.crt';

export interface NodeTlsOptions {
  ca?: string;
  cert?: string;
  key?: string;
  servername?: string;
  checkServerIdentity?: (host: string, certificate: PeerCertificate) => Error | undefined;
}

/**
 * TLS towards a replica as Node's `tls.connect` takes it, and as Envoy does it. The certificate is always checked. Its
 * name is the configured one, because replicas are addressed by IP. Throws with the file's name when one can't be
 * read.
 */
export function replicaTlsOptions({
  caFile,
  serverName,
  certificateFile,
  keyFile,
  expects,
}: ReplicaTls): NodeTlsOptions {
  const authorities = caFile ?? (existsSync(SYSTEM_CA_FILE) ? SYSTEM_CA_FILE : undefined);
  return {
    ...(authorities !== undefined && { ca: readFileSync(authorities, 'utf8') }),
    ...(certificateFile !== undefined &&
      keyFile !== undefined && { cert: readFileSync(certificateFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }),
    ...(serverName === undefined ? { checkServerIdentity: () => undefined } : { servername: serverName }),
    ...(expects && { checkServerIdentity: expectServer(expects, false) }),
  };
}
