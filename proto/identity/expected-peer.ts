import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { readCertificateNames } from './certificate-names.ts';
import type { MeshRole } from './mesh-name.ts';

/** Why a connection is not taken. Words of a metric's label. */
export type PeerProblem = 'no_certificate' | 'other_mesh' | 'role';

/** What a peer's certificate must name. */
export interface ExpectedPeer {
  trustDomain: string;
  role: MeshRole;
}
/** Null when a certificate, which an authority of ours has signed, is of that role of that mesh. */
export function certificateProblem(certificate: Partial<PeerCertificate>, expected: ExpectedPeer): PeerProblem | null {
  const { mesh } = readCertificateNames(certificate.subjectaltname);
  if (mesh?.trustDomain !== expected.trustDomain) return 'other_mesh';
  return mesh.role === expected.role ? null : 'role';
}

/** For clients: the certificate must be of the expected role; its name must be the host's only when `isHostChecked`. */
export const expectServer =
  (expects: ExpectedPeer, isHostChecked: boolean) =>
  (host: string, certificate: PeerCertificate): Error | undefined => {
    const problem = certificateProblem(certificate, expects);
    if (problem !== null) return new Error(`not the certificate of a ${expects.role} of this mesh (${problem})`);
    return isHostChecked ? checkServerIdentity(host, certificate) : undefined;
  };
