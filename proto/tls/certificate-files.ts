import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { GrpcTls } from './grpc-credentials.ts';

/**
 * Files of one node in a folder of certificates. They are `<node id>.crt` and `.key`, as `holdfast certs` writes them.
 * Otherwise they are `tls.crt` and `tls.key`, as a Secret of Kubernetes has them. `ca.crt` stands beside them.
 */
export function certificateFiles(folder: string, nodeId: string): GrpcTls {
  const name = existsSync(join(folder, `${nodeId}.crt`)) || !existsSync(join(folder, 'tls.crt')) ? nodeId : 'tls';
  return {
    certificateFile: join(folder, `${name}.crt`),
    keyFile: join(folder, `${name}.key`),
    caFile: join(folder, 'ca.crt'),
  };
}
