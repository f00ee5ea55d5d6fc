import { readFileSync } from 'node:fs';
import type { SecureContextOptions } from 'node:tls';
import type { GrpcTls } from './grpc-credentials.ts';

const REFRESH_MS = 10_000;

/** Certificate, key and authority as Node's TLS servers take them. Throws when a file can't be read. */
export const readServerContext = ({
  certificateFile,
  keyFile,
  caFile,
}: GrpcTls): Required<Pick<SecureContextOptions, 'cert' | 'key' | 'ca'>> & { minVersion: 'TLSv1.2' } => ({
  cert: readFileSync(certificateFile),
  key: readFileSync(keyFile),
  ca: readFileSync(caFile),
  minVersion: 'TLSv1.2',
});

/** Takes up renewed files while the server runs; a file that can't be read, or does not fit its key, leaves the former in force. */
export function renewServerContext(
  server: { setSecureContext(options: SecureContextOptions): void },
  tls: GrpcTls,
  onError: (error: unknown) => void,
): () => void {
  const { cert, key, ca } = readServerContext(tls);
  let last = `${cert}${key}${ca}`;
  const timer = setInterval(() => {
    try {
      const context = readServerContext(tls);
      const now = `${context.cert}${context.key}${context.ca}`;
      if (last !== now) server.setSecureContext(context);
      last = now;
    } catch (error) {
      onError(error);
    }
  }, REFRESH_MS);
  timer.unref();
  return () => clearInterval(timer);
}
