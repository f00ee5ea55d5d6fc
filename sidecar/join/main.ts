import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { commandLine, refuse } from '../../proto/command-line.ts';
import { holdsCertificates } from '../../proto/identity/trusted-certificate.ts';
import { joinMesh, writeJoined } from './join-mesh.ts';

/** Init container of a pod that joins the mesh by its ServiceAccount: it ends when the pod has its certificate. */
const command = new Command('join')
  .description('Makes this pod a gateway of the mesh: node sidecar/join/main.ts')
  .requiredOption('--to <dir>', 'where certificate, key, authorities and Redis’s address are put')
  .requiredOption('--control-plane <host:port>', 'where the control planes let pods join')
  .requiredOption('--token <file>', 'ServiceAccount token with the audience mesh.holdfast')
  .addHelpText('after', '\nHOLDFAST_AUTHORITIES: the authorities of the mesh, PEM.');
const { values } = commandLine<{ to: string; controlPlane: string; token: string }>(command);
const authorities = process.env['HOLDFAST_AUTHORITIES'] ?? '';
if (!holdsCertificates(authorities))
  refuse(command, 'join: HOLDFAST_AUTHORITIES has to hold the authorities of the mesh, PEM');

/** The pod shows that it fails after this long; the kubelet starts it anew, so it goes on trying. */
const MOST_MS = 60_000;
const PAUSE_MS = 1000;
const MOST_PAUSE_MS = 8000;
const began = performance.now();
const source = { controlPlane: values.controlPlane, tokenFile: values.token };

let said = '';
for (let pauseMs = PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MOST_PAUSE_MS)) {
  try {
    const joined = await joinMesh({ ...source, authorities });
    await writeJoined(values.to, joined, source);
    process.stdout.write(`joined the mesh as ${joined.answer.nodeId}\n`);
    break;
  } catch (error) {
    const message = (error as Error).message;
    if (message !== said) process.stderr.write(`join: ${values.controlPlane}: ${message}\n`);
    said = message;
    if (performance.now() - began + pauseMs > MOST_MS) process.exit(1);
    await sleep(pauseMs);
  }
}
