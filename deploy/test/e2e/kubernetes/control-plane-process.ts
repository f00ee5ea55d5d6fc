import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { renewCertificates } from '../../../../control-plane/certs/certificate-folder.ts';
import { freePorts } from '../../mesh/free-port.ts';
import { ManagedProcess } from '../../mesh/managed-process.ts';
import { nodeProgram } from '../../mesh/node-program.ts';
import { answers } from '../../mesh/wait-for.ts';

export interface ControlPlaneProcess {
  process: ManagedProcess;
  /** Of the admin API, without a slash at its end. */
  adminUrl: string;
  /** `host:port` for nodes. */
  xds: string;
  webhookPort: number;
  caFile: string;
}

/** A control plane as a process of its own on loopback, with certificates of a new authority, in a folder. `kubernetes`: its section of the configuration, by its webhook's port and the folder of certificates. `isPlain`: nodes come without TLS. */
export async function controlPlaneProcess(
  folder: string,
  servers: readonly object[],
  kubernetes: (webhookPort: number, certs: string) => object,
  { isPlain = false }: { isPlain?: boolean } = {},
): Promise<ControlPlaneProcess> {
  const [xds = 0, admin = 0, webhookPort = 0] = await freePorts(3);
  const certs = join(folder, 'mesh-certs');
  await renewCertificates([{ name: 'control-plane', altNames: ['127.0.0.1'] }], {
    folder: certs,
    now: new Date(),
    days: 2,
    renewDays: 0,
  });
  const file = (name: string): string => join(certs, name);
  const config = join(folder, 'holdfast.yaml');
  await writeFile(
    config,
    stringify({
      sessionStore: { type: 'memory' },
      ha: { mode: 'standalone', clusterNodes: [] },
      servers,
      controlPlane: {
        xds: `127.0.0.1:${xds}`,
        admin: `127.0.0.1:${admin}`,
        ...(!isPlain && {
          tls: {
            certificateFile: file('control-plane.crt'),
            keyFile: file('control-plane.key'),
            clientCaFile: file('ca.crt'),
          },
        }),
        kubernetes: kubernetes(webhookPort, certs),
      },
    }),
  );
  const adminUrl = `http://127.0.0.1:${admin}`;
  const process = new ManagedProcess({
    name: 'control-plane',
    ...nodeProgram('control-plane/main.ts', ['--config', config]),
    logFile: join(folder, 'control-plane.log'),
    isReady: () => answers(`${adminUrl}/metrics`),
  });
  return { process, adminUrl, xds: `127.0.0.1:${xds}`, webhookPort, caFile: file('ca.crt') };
}
