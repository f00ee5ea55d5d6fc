import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { ownMeshName } from '../proto/identity/own-name.ts';
import { certificateFiles } from '../proto/tls/certificate-files.ts';
import { renderBootstrap } from './bootstrap.ts';
import { readBootstrapTemplate } from './bootstrap-template.ts';

/** Writes one Envoy's bootstrap where Envoy is started by something else: a Kubernetes init container, a systemd unit. */
const USAGE = `usage: node envoy/write-bootstrap.ts --to FILE --node-id NAME --xds HOST:PORT[,HOST:PORT…] [--role gateway|edge]
  [--listen 0.0.0.0:37373] [--ext-proc unix:/run/holdfast/ext-proc.sock] [--relay 127.0.0.1:7900] [--admin 127.0.0.1:9901] [--metrics 0.0.0.0:9902]
  [--server NAME] the server of this node's own pod: served at /mcp as well, as it was before it had an Envoy
  [--drainable]   let POST /healthcheck/fail pass at the admin interface, for a hook that drains this Envoy
  [--certs DIR]   mTLS to the control planes: <node id>.crt, <node id>.key (or tls.crt, tls.key), ca.crt
`;
/** @throws CertificateError when the certificate is not this node's. */
function identity(folder: string, nodeId: string, role: 'gateway' | 'edge') {
  const files = certificateFiles(folder, nodeId);
  return { ...files, trustDomain: ownMeshName(files.certificateFile, role, nodeId).trustDomain };
}
const text = (value: string) => ({ type: 'string', default: value }) as const;
try {
  const { values } = parseArgs({
    options: {
      to: text(''),
      'node-id': text(''),
      xds: text(''),
      role: text('gateway'),
      listen: text('0.0.0.0:37373'),
      'ext-proc': text('unix:/run/holdfast/ext-proc.sock'),
      relay: text('127.0.0.1:7900'),
      admin: text('127.0.0.1:9901'),
      metrics: text('0.0.0.0:9902'),
      certs: text(''),
      server: text(''),
      drainable: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  const { to, role, certs, 'node-id': nodeId } = values;
  if (to === '') throw new Error('--to is missing: where the bootstrap is written');
  if (role !== 'gateway' && role !== 'edge')
    throw new Error(`--role: ${JSON.stringify(role)} is neither gateway nor edge`);
  const list = (value: string): string[] =>
    value
      .split(',')
      .map((each) => each.trim())
      .filter(Boolean);
  const bootstrap = renderBootstrap(readBootstrapTemplate(), {
    nodeId,
    role,
    listen: values.listen,
    controlPlanes: list(values.xds),
    admin: values.admin,
    isDrainable: values.drainable,
    metrics: values.metrics,
    extProc: role === 'edge' ? [] : list(values['ext-proc']),
    relay: role === 'edge' ? [] : list(values.relay),
    ...(values.server !== '' && { server: values.server }),
    ...(certs !== '' && { controlPlaneTls: identity(certs, nodeId, role) }),
  });
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(`${to}.new`, bootstrap);
  renameSync(`${to}.new`, to);
} catch (error) {
  process.stderr.write(`write-bootstrap: ${(error as Error).message}\n\n${USAGE}`);
  process.exit(64);
}
