import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { renderBootstrap } from '../../envoy/bootstrap.ts';
import { identitySecrets } from '../../envoy/identity-secrets.ts';
import { readBootstrapTemplate } from '../../envoy/bootstrap-template.ts';
import { renewCertificates } from '../../control-plane/certs/certificate-folder.ts';
import { TRUST_DOMAIN } from '../../control-plane/certs/member-name.ts';
import { redisUsers } from './redis-users.ts';

/**
 * Runs once before everything else of docker-compose.yml: Envoy's bootstraps, a private authority with a certificate for
 * each process, the admin token, Redis's users. What is there already stays.
 * Usage: node deploy/compose/prepare.ts FOLDER MOUNTED. FOLDER/authority stays with this job; FOLDER/nodes/NAME is what the process NAME finds in MOUNTED.
 */
const [folder, mounted] = process.argv.slice(2);
if (!folder || !mounted) {
  console.error('usage: node deploy/compose/prepare.ts FOLDER MOUNTED');
  process.exit(64);
}
const PORT = Number(process.env['PORT'] || 37373);
const NODES = (process.env['HA_CLUSTER_NODES'] || 'gateway-1,gateway-2,gateway-3')
  .split(',')
  .map((name) => name.trim());
const CONTROL_PLANES = ['control-plane-1:18000', 'control-plane-2:18000'];
const EDGES = ['edge', 'edge-standby'];
const AUTHORITY = join(folder, 'authority');
const template = readBootstrapTemplate();
const inNode = (node: string, ...path: string[]): string => join(folder, 'nodes', node, ...path);
const pairOf = (node: string) => ({
  secretsFile: join(mounted, node, 'secrets.yaml'),
  certificateFile: join(mounted, 'certs', `${node}.crt`),
  keyFile: join(mounted, 'certs', `${node}.key`),
  caFile: join(mounted, 'certs/ca.crt'),
});

async function writeWhole(path: string, text: string, mode = 0o644): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return;
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(`${path}.new`, text, { mode });
  await rename(`${path}.new`, path);
}

/** Key before certificate: who watches the certificate reads both. */
async function give(node: string, files: readonly string[]): Promise<void> {
  for (const file of files)
    await writeWhole(
      inNode(node, 'certs', file),
      await readFile(join(AUTHORITY, file), 'utf8'),
      file.endsWith('.key') ? 0o600 : 0o644,
    );
}

for (const nodeId of [...NODES, ...EDGES])
  await writeWhole(inNode(nodeId, nodeId, 'secrets.yaml'), identitySecrets(pairOf(nodeId)));
for (const nodeId of NODES) {
  await writeWhole(
    inNode(nodeId, nodeId, 'bootstrap.yaml'),
    renderBootstrap(template, {
      nodeId,
      role: 'gateway',
      listen: `0.0.0.0:${PORT}`,
      extProc: [`unix:${join(mounted, nodeId, 'ext-proc.sock')}`],
      relay: ['127.0.0.1:7900'],
      controlPlanes: CONTROL_PLANES,
      controlPlaneTls: pairOf(nodeId),
      admin: '127.0.0.1:9901',
      isDrainable: true,
      metrics: '0.0.0.0:9902',
    }),
  );
}
for (const nodeId of EDGES) {
  await writeWhole(
    inNode(nodeId, nodeId, 'bootstrap.yaml'),
    renderBootstrap(template, {
      nodeId,
      role: 'edge',
      listen: '0.0.0.0:8080',
      extProc: [],
      relay: [],
      controlPlanes: CONTROL_PLANES,
      controlPlaneTls: pairOf(nodeId),
      admin: '127.0.0.1:9901',
      isDrainable: true,
      metrics: '0.0.0.0:9902',
    }),
  );
}
const local = ['localhost', '127.0.0.1'];
const member = (role: 'edge' | 'gateway', id: string) => ({ trustDomain: TRUST_DOMAIN, role, id, isGroup: false });
const made = await renewCertificates(
  [
    ...EDGES.map((id) => ({ name: id, altNames: local, mesh: member('edge', id) })),
    ...NODES.map((id) => ({ name: id, altNames: local, mesh: member('gateway', id) })),
    { name: 'control-plane', altNames: CONTROL_PLANES.map((address) => address.split(':')[0]!) },
    { name: 'redis', altNames: ['redis', 'redis-replica', ...local] },
  ],
  { folder: AUTHORITY, now: new Date(), days: 90, renewDays: 30 },
);
for (const node of [...NODES, 'control-plane', 'redis']) await give(node, ['ca.crt', `${node}.key`, `${node}.crt`]);
// What the edges serve is named `edge` on both of them; towards the control plane each is itself.
for (const node of EDGES) await give(node, ['ca.crt', 'edge.key', 'edge.crt', `${node}.key`, `${node}.crt`]);
await give('backup', ['ca.crt']);
// The control planes watch when certificates end; no key is needed for that.
await give(
  'control-plane',
  (await readdir(AUTHORITY)).filter((file) => file.endsWith('.crt')),
);
/** Made at the first run and kept where only this job sees them. */
async function passwordOf(user: string): Promise<string> {
  const file = join(AUTHORITY, 'passwords', user);
  const kept = await readFile(file, 'utf8').catch(() => undefined);
  const password = kept ?? randomBytes(24).toString('base64url');
  if (kept === undefined) await writeWhole(file, password, 0o600);
  return password;
}
const [gateway, controlPlane, replica, admin, grafana] = await Promise.all([
  passwordOf('gateway'),
  passwordOf('control-plane'),
  passwordOf('replica'),
  passwordOf('admin'),
  passwordOf('grafana'),
]);
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const urlFor = (user: string, password: string): string => `rediss://${user}:${password}@redis:6379`;
await writeWhole(
  inNode('redis', 'users.acl'),
  redisUsers({
    gateway: sha256(gateway),
    controlPlane: sha256(controlPlane),
    replica: sha256(replica),
    admin: sha256(admin),
  }),
  0o600,
);
await writeWhole(inNode('redis', 'replica.conf'), `masteruser replica\nmasterauth ${replica}\n`, 0o600);
await writeWhole(inNode('redis', 'health-password'), gateway, 0o600);
for (const node of NODES) await writeWhole(inNode(node, 'redis-url'), urlFor('holdfast-gateway', gateway), 0o600);
for (const node of ['control-plane', 'backup'])
  await writeWhole(inNode(node, 'redis-url'), urlFor('holdfast-control-plane', controlPlane), 0o600);
// For `backup restore` and `region promote`: taken out of the volume by hand, given to no process.
await writeWhole(join(AUTHORITY, 'admin-redis-url'), urlFor('admin', admin), 0o600);
await writeWhole(inNode('grafana', 'password'), grafana, 0o600);
const token = inNode('control-plane', 'admin-token');
if (!(await stat(token).catch(() => undefined)))
  await writeWhole(token, `${randomBytes(32).toString('base64url')}\n`, 0o600);
console.log(JSON.stringify({ msg: 'prepared', nodes: NODES, certificates: made }));
