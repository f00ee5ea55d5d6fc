import { readFileSync } from 'node:fs';
import { expectServer, type ExpectedPeer } from '../identity/expected-peer.ts';
import { credentials, experimental, type ChannelCredentials, type ServerCredentials } from '@grpc/grpc-js';

/** Files of one process: its certificate and key, and the authority whose certificates it trusts. PEM. */
export interface GrpcTls {
  certificateFile: string;
  keyFile: string;
  caFile: string;
}

/** Renewed files are taken up within this time, without a restart. */
const REFRESH_MS = 10_000;

const provider = ({ certificateFile, keyFile, caFile }: GrpcTls) =>
  new experimental.FileWatcherCertificateProvider({
    certificateFile,
    privateKeyFile: keyFile,
    caCertificateFile: caFile,
    refreshIntervalMs: REFRESH_MS,
  });

/** TLS of a gRPC server. Clients are asked for a certificate; what one without gets is for the service to say (`getAuthContext`). */
export function serverCredentials(tls: GrpcTls): ServerCredentials {
  const files = provider(tls);
  return experimental.createCertificateProviderServerCredentials(files, files, false);
}

/** TLS of a gRPC client that shows its own certificate. The server's name (or address) must be in its certificate, and its role where one is expected. Made for each connection: renewed files are taken up. */
export const channelCredentials = (
  { certificateFile, keyFile, caFile }: GrpcTls,
  expects: ExpectedPeer | null = null,
): ChannelCredentials =>
  credentials.createSsl(
    readFileSync(caFile),
    readFileSync(keyFile),
    readFileSync(certificateFile),
    expects ? { checkServerIdentity: expectServer(expects, true) } : {},
  );
