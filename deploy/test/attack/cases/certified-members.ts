import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { renewCertificates } from '../../../../control-plane/certs/certificate-folder.ts';
import { openAdsStream } from '../ads-stream.ts';
import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { startMesh, type Mesh } from '../../mesh/start-mesh.ts';
import { temporaryFolder } from '../../mesh/temporary-folder.ts';

const MEMBERS = ['control-plane', 'gateway-1', 'gateway-2', 'edge'].map((name) => ({
  name,
  altNames: ['localhost', '127.0.0.1'],
}));
const METADATA = { relay: ['127.0.0.1:9'], listen: '127.0.0.1:9', peer: '127.0.0.1:9' };

/** Whose certificate is shown: of the mesh, of another authority under the same name, or none. */
interface Claim {
  certificate: { of: 'mesh' | 'strangers'; name: string } | null;
  id: string;
  role: string;
}
const CLAIMS: Record<string, Claim> = {
  'no-certificate': { certificate: null, id: 'gateway-3', role: 'sidecar' },
  'of-a-stranger': { certificate: { of: 'strangers', name: 'gateway-1' }, id: 'gateway-1', role: 'sidecar' },
  'of-another-node': { certificate: { of: 'mesh', name: 'gateway-2' }, id: 'gateway-3', role: 'sidecar' },
  'of-an-edge': { certificate: { of: 'mesh', name: 'edge' }, id: 'edge', role: 'sidecar' },
  'of-the-control-plane': { certificate: { of: 'mesh', name: 'control-plane' }, id: 'control-plane', role: 'sidecar' },
};

interface Certificates {
  mesh: string;
  strangers: string;
}

async function keysOf({ certificate }: Claim, folders: Certificates): Promise<{ cert: Buffer; key: Buffer } | null> {
  if (certificate === null) return null;
  const at = join(folders[certificate.of], certificate.name);
  return { cert: await readFile(`${at}.crt`), key: await readFile(`${at}.key`) };
}

/** Status of a neighbour's relay; 0 when it does not let one in. */
async function relayStatus(mesh: Mesh, keys: { cert: Buffer; key: Buffer } | null): Promise<number> {
  const port = Number(mesh.gateways[1]?.sidecars[0]?.relayPeer?.split(':')[1]);
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path: '/mcp', method: 'POST', agent: false, rejectUnauthorized: false };
    request({ ...options, ...keys, headers: { 'x-holdfast-server': 'linear' } }, (response) =>
      resolve(response.resume().statusCode ?? 0),
    )
      .once('error', () => resolve(0))
      .end('{}');
  });
}

/** A mesh whose processes know each other by certificates; strangers try its xDS port and a neighbour's relay. */
export const certifiedMembers: AttackCase[] = casesOf(
  'certified-members',
  { finding: '2', goal: 'refused, counted; nothing of the topology told', isAlone: true, isSlow: true },
  CLAIMS,
  async (_, claim) => {
    const folders = [await temporaryFolder(), await temporaryFolder()] as const;
    try {
      for (const { path } of folders)
        await renewCertificates(MEMBERS, { folder: path, now: new Date(), days: 1, renewDays: 0 });
      const certificates = { mesh: folders[0].path, strangers: folders[1].path };
      await using mesh = await startMesh({ certs: certificates.mesh, servers: { linear: { replicas: 1 } } });
      const keys = await keysOf(claim, certificates);
      const port = Number(mesh.controlPlane.xds.split(':')[1]);
      const open = () =>
        connect({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false, ...keys });
      const { heard, close } = await openAdsStream(open, { id: claim.id, role: claim.role, metadata: METADATA });
      close();
      const status = claim.id === 'gateway-3' && claim.certificate ? 0 : await relayStatus(mesh, keys);
      const metrics = await (await fetch(`${mesh.controlPlane.adminUrl}/metrics`)).text();
      const listed = await (await fetch(`${mesh.controlPlane.adminUrl}/v1/gateways`)).text();
      return judge(
        {
          'nothing told over xDS': heard.startsWith('refused'),
          'not let into a relay': status === 0,
          counted: /^holdfast_peers_refused_total\{entry="xds"[^}]*\} [1-9]/m.test(metrics),
          'no gateway': !listed.includes('127.0.0.1:9"'),
        },
        `xDS ${heard}, relay ${status || 'closed'}`,
      );
    } finally {
      for (const folder of folders) await folder.remove();
    }
  },
);
