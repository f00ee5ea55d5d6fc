import type { CertificateNames } from '../../proto/identity/certificate-names.ts';

/** Who is at the other end of a connection, as far as the connection itself shows it. */
export interface Peer {
  /** IP address, in its one spelling (proto/identity/host.ts). */
  host: string;
  /** What its certificate says, which an authority of ours has signed; null without one. */
  names: CertificateNames | null;
}
