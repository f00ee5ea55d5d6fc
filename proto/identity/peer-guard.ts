import type { Server, TLSSocket } from 'node:tls';
import type { GrpcTls } from '../tls/grpc-credentials.ts';
import { certificateProblem, type ExpectedPeer, type PeerProblem } from './expected-peer.ts';
import { plainHost } from './host.ts';

/** A port that only processes of one role may use. */
export interface PeerTls extends GrpcTls {
  expects: ExpectedPeer;
  onRefused: (reason: PeerProblem, host: string) => void;
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
