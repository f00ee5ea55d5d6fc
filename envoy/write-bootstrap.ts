import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Command } from 'commander';
import { commandLine, oneOf, refuse } from '../proto/command-line.ts';
import { ownMeshName } from '../proto/identity/own-name.ts';
import { certificateFiles } from '../proto/tls/certificate-files.ts';
import { renderBootstrap } from './bootstrap.ts';
import { identitySecrets } from './identity-secrets.ts';
import { readBootstrapTemplate } from './bootstrap-template.ts';

/** Writes one Envoy's bootstrap where Envoy is started by something else: a Kubernetes init container, a systemd unit. */
interface Values {
  to: string;
  nodeId: string;
  xds: string;
  role: 'gateway' | 'edge';
  listen: string;
  extProc: string;
  relay: string;
  admin: string;
  metrics: string;
  server?: string;
  drainable: boolean;
  certs?: string;
}
const command = new Command('write-bootstrap')
  .description('Writes the bootstrap of one Envoy: node envoy/write-bootstrap.ts')
  .requiredOption('--to <file>', 'where the bootstrap is written')
  .requiredOption('--node-id <name>', 'name of this Envoy’s node')
  .requiredOption('--xds <host:port,…>', 'addresses of the control planes')
  .option('--role <role>', 'gateway or edge', oneOf('gateway', 'edge'), 'gateway')
  .option('--listen <host:port>', 'where clients come', '0.0.0.0:37373')
  .option('--ext-proc <addresses>', 'where the sidecar answers', 'unix:/run/holdfast/ext-proc.sock')
  .option('--relay <addresses>', 'where the sidecar’s relay is', '127.0.0.1:7900')
  .option('--admin <host:port>', 'Envoy’s admin interface', '127.0.0.1:9901')
  .option('--metrics <host:port>', 'Envoy’s metrics for Prometheus', '0.0.0.0:9902')
  .option('--server <name>', 'the server of this node’s own pod: served at /mcp as well, as before it had an Envoy')
  .option('--drainable', 'let POST /healthcheck/fail pass at the admin interface, for a hook that drains', false)
  .option('--certs <dir>', 'mTLS to the control planes: <node id>.crt, <node id>.key (or tls.crt, tls.key), ca.crt');
/** @throws CertificateError when the certificate is not this node's. */
function identity(folder: string, nodeId: string, role: 'gateway' | 'edge', secretsFile: string) {
  const files = certificateFiles(folder, nodeId);
  return { ...files, trustDomain: ownMeshName(files.certificateFile, role, nodeId).trustDomain, secretsFile };
}
function write(to: string, content: string): void {
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(`${to}.new`, content);
  renameSync(`${to}.new`, to);
}
const { values } = commandLine<Values>(command);
try {
  const { to, role, certs, nodeId, server } = values;
  const list = (value: string): string[] =>
    value
      .split(',')
      .map((each) => each.trim())
      .filter(Boolean);
  // Beside the bootstrap; Envoy tells the form of a file by how its name ends.
  const secretsFile = resolve(`${to.replace(/\.yaml$/, '')}.secrets.yaml`);
  const controlPlaneTls = certs === undefined ? null : identity(resolve(certs), nodeId, role, secretsFile);
  const bootstrap = renderBootstrap(readBootstrapTemplate(), {
    nodeId,
    role,
    listen: values.listen,
    controlPlanes: list(values.xds),
    admin: values.admin,
    isDrainable: values.drainable,
    metrics: values.metrics,
    extProc: role === 'edge' ? [] : list(values.extProc),
    relay: role === 'edge' ? [] : list(values.relay),
    ...(server !== undefined && { server }),
    ...(controlPlaneTls !== null && { controlPlaneTls }),
  });
  if (controlPlaneTls !== null) write(controlPlaneTls.secretsFile, identitySecrets(controlPlaneTls));
  write(to, bootstrap);
} catch (error) {
  refuse(command, `write-bootstrap: ${(error as Error).message}`);
}
