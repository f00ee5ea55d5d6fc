import { readFile } from 'node:fs/promises';
import { text as textOf } from 'node:stream/consumers';
import { Command } from 'commander';
import { parseAllDocuments, stringify } from 'yaml';
import { inject, uninject } from '../../inject/inject.ts';
import { templateOf, type Manifest } from '../../inject/manifest.ts';
import { DEFAULTS, type PodOptions } from '../../inject/pod-parts.ts';
import { action, type Tools } from '../command.ts';
import { usageError } from '../exit-code.ts';

interface Options extends PodOptions {
  filename: string;
  uninject?: boolean;
}

/** `-` is standard input. Every document is checked before one is printed. */
async function readManifests(file: string): Promise<Manifest[]> {
  let text: string;
  try {
    text = await (file === '-' ? textOf(process.stdin) : readFile(file, 'utf8'));
  } catch (error) {
    throw usageError(`${file} can’t be read: ${(error as Error).message}`);
  }
  return parseAllDocuments(text).flatMap((document, index) => {
    const [problem] = document.errors;
    if (problem) throw usageError(`${file}, document ${index + 1}: ${problem.message}`);
    const value = document.toJS({ maxAliasCount: 100 }) as (Manifest & { items?: Manifest[] }) | null;
    if (value === null) return [];
    if (typeof value !== 'object' || typeof value.kind !== 'string')
      throw usageError(`${file}, document ${index + 1}: not a Kubernetes object (it has no kind)`);
    return value.kind === 'List' ? (value.items ?? []) : [value];
  });
}

async function run({ out }: Tools, options: Options): Promise<void> {
  const before = await readManifests(options.filename);
  if (!before.some(templateOf))
    throw usageError(`${options.filename}: there is no Deployment, StatefulSet, DaemonSet or ReplicaSet in it`);
  const { manifests, notes } = options.uninject === true ? uninject(before) : inject(before, options);
  for (const note of notes) process.stderr.write(`${note}\n`);
  out.show(manifests, () =>
    manifests
      .map((manifest) => stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false }))
      .join('---\n')
      .trimEnd(),
  );
}

/** What the pods need in their namespace; deploy/README.md has it with Redis's URL. */
const SECRETS = `
In the pods’ namespace (here mcp, a workload named linear-server):
  holdfast certs init gateway/linear-server/pods --dir certs
  kubectl -n mcp create secret generic linear-server-tls --from-file=tls.crt=certs/linear-server.crt \\
    --from-file=tls.key=certs/linear-server.key --from-file=ca.crt=certs/ca.crt
  kubectl -n mcp create secret generic holdfast-redis --from-file=url=redis/gateway-url
  kubectl label namespace mcp mesh.holdfast/servers=true mesh.holdfast/members=true
and the label mesh.holdfast/member: "true" on the pods. Then --certificate-secret linear-server-tls.`;

export const injectCommand = (): Command =>
  new Command('inject')
    .description(
      'Prints Kubernetes manifests with Envoy and sidecar in the pods of an MCP server: holdfast inject -f deployment.yaml | kubectl apply -f -',
    )
    .requiredOption('-f, --filename <file>', 'manifests (YAML, any number of documents); - for standard input')
    .addHelpText('after', SECRETS)
    .option('--uninject', 'take them out again')
    .option('--control-plane <host:port>', 'Service of the control planes', DEFAULTS.controlPlane)
    .option('--image <image>', 'the sidecar’s', DEFAULTS.image)
    .option('--envoy-image <image>', 'Envoy’s', DEFAULTS.envoyImage)
    .option('--redis-secret <name>', 'Secret whose key `url` says where Redis is', DEFAULTS.redisSecret)
    .option(
      '--certificate-secret <name>',
      'Secret of the pods’ certificate (tls.crt, tls.key, ca.crt), in their namespace',
      DEFAULTS.certificateSecret,
    )
    .action(action(run));
