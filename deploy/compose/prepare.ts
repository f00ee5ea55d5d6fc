import { randomBytes } from 'node:crypto';
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderBootstrap } from '../../envoy/bootstrap.ts';
import { readBootstrapTemplate } from '../../envoy/bootstrap-template.ts';
import { renewCertificates } from '../../control-plane/certs/certificate-folder.ts';

/**
 * Runs once before everything else of docker-compose.yml: Envoy's bootstraps, a private authority with a certificate for
 * each process, the admin token. What is there already stays. Usage: node deploy/compose/prepare.ts FOLDER
 */
const folder = process.argv[2];
if (!folder) { console.error('usage: node deploy/compose/prepare.ts FOLDER'); process.exit(64); }
const PORT = Number(process.env['PORT'] || 37373);
const NODES = (process.env['HA_CLUSTER_NODES'] || 'gateway-1,gateway-2,gateway-3').split(',').map((name) => name.trim());
const CONTROL_PLANES = ['control-plane-1:18000', 'control-plane-2:18000'];
const EDGES = ['edge', 'edge-standby'];
const CERTS = join(folder, 'certs');
const template = readBootstrapTemplate();
const controlPlaneTls = (nodeId: string) => ({ certificateFile: join(CERTS, `${nodeId}.crt`), keyFile: join(CERTS, `${nodeId}.key`), caFile: join(CERTS, 'ca.crt') });

async function writeWhole(path: string, text: string, mode = 0o644): Promise<void> {
  await writeFile(`${path}.new`, text, { mode });
  await rename(`${path}.new`, path);
}

for (const nodeId of NODES) {
  const own = join(folder, nodeId);
  await mkdir(own, { recursive: true });
  await writeWhole(join(own, 'bootstrap.yaml'), renderBootstrap(template, {
    nodeId, role: 'gateway', listen: `0.0.0.0:${PORT}`, extProc: [`unix:${join(own, 'ext-proc.sock')}`], relay: ['127.0.0.1:7900'],
    controlPlanes: CONTROL_PLANES, controlPlaneTls: controlPlaneTls(nodeId), admin: '127.0.0.1:9901', metrics: '0.0.0.0:9902',
  }));
}
for (const nodeId of EDGES) {
  const own = join(folder, nodeId);
  await mkdir(own, { recursive: true });
  await writeWhole(join(own, 'bootstrap.yaml'), renderBootstrap(template, {
    nodeId, role: 'edge', listen: '0.0.0.0:8080', extProc: [], relay: [], controlPlanes: CONTROL_PLANES, controlPlaneTls: controlPlaneTls(nodeId), admin: '127.0.0.1:9901', metrics: '0.0.0.0:9902',
  }));
}
const local = ['localhost', '127.0.0.1'];
const members = [
  ...EDGES.map((name) => ({ name, altNames: local })), ...NODES.map((name) => ({ name, altNames: local })),
  { name: 'control-plane', altNames: CONTROL_PLANES.map((address) => address.split(':')[0]!) },
];
const made = await renewCertificates(members, { folder: CERTS, now: new Date(), days: 90, renewDays: 30 });
const token = join(folder, 'admin-token');
if (!(await stat(token).catch(() => undefined))) await writeWhole(token, `${randomBytes(32).toString('base64url')}\n`, 0o600);
console.log(JSON.stringify({ msg: 'prepared', nodes: NODES, certificates: made }));
