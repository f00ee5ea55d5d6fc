import { checkServerIdentity, type PeerCertificate, type Server, type TLSSocket } from 'node:tls';
import type { GrpcTls } from '../tls/grpc-credentials.ts';
import { readCertificateNames } from './certificate-names.ts';
import { plainHost } from './host.ts';
import type { MeshRole } from './mesh-name.ts';

/** Why a connection is not taken. Words of a metric's label. */
export type PeerProblem = 'no_certificate' | 'other_mesh' | 'role';

/** What a peer's certificate must name. */
export interface ExpectedPeer {
  trustDomain: string;
  role: MeshRole;
}
/** A port that only processes of one role may use. */
export interface PeerTls extends GrpcTls {
  expects: ExpectedPeer;
  onRefused: (reason: PeerProblem, host: string) => void;
}

function certificateProblem(certificate: Partial<PeerCertificate>, expected: ExpectedPeer): PeerProblem | null {
  const { mesh } = readCertificateNames(certificate.subjectaltname);
  if (mesh?.trustDomain !== expected.trustDomain) return 'other_mesh';
  return mesh.role === expected.role ? null : 'role';
}

/** Options of a TLS server that `guardPeers` guards: everybody gets as far as being refused there, so that it is seen. */
export const ASK_FOR_CERTIFICATE = { requestCert: true, rejectUnauthorized: false } as const;

/** Nothing behind a TLS server sees a connection whose certificate is not trusted, or not of the expected role. */
export function guardPeers(server: Server, { expects, onRefused }: PeerTls): void {
  const protocols = server.listeners('secureConnection');
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    const problem = socket.authorized ? certificateProblem(socket.getPeerCertificate(), expects) : 'no_certificate';
    if (problem === null) {
      for (const each of protocols) each.call(server, socket);
      return;
    }
    socket.on('error', () => {}); // It is destroyed; nobody waits for it.
    const host = plainHost(socket.remoteAddress ?? '');
    socket.destroy();
    onRefused(problem, host);
  });
}

/** For clients: the certificate must be of the expected role; its name must be the host's only when `isHostChecked`. */
export const expectServer =
  (expects: ExpectedPeer, isHostChecked: boolean) =>
  (host: string, certificate: PeerCertificate): Error | undefined => {
    const problem = certificateProblem(certificate, expects);
    if (problem !== null) return new Error(`not the certificate of a ${expects.role} of this mesh (${problem})`);
    return isHostChecked ? checkServerIdentity(host, certificate) : undefined;
  };
