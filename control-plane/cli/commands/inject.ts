import { readFile } from 'node:fs/promises';
import { text as textOf } from 'node:stream/consumers';
import { Command } from 'commander';
import { holdsCertificates } from '../../../proto/identity/trusted-certificate.ts';
import { fileProblem } from '../../../proto/file-problem.ts';
import { isPassing, templateOf } from '../../inject/manifest.ts';
import { DEFAULTS, type JoinOptions } from '../../inject/pod-parts.ts';
import { inject, uninject, type InjectOptions } from '../../inject/inject.ts';
import { objectsOf, readDocuments } from '../../inject/yaml/read-manifests.ts';
import { transformText } from '../../inject/yaml/transform-text.ts';
import { action, type Tools } from '../command.ts';
import { usageError } from '../exit-code.ts';

interface Options
  extends Omit<InjectOptions, 'redisCaSecret' | 'join' | 'ipv6' | 'server' | 'graceSeconds' | 'drainSeconds'> {
  filename: string;
  uninject?: boolean;
  redisCaSecret?: string;
  join?: string;
  joinAddress: string;
  ipv6: boolean;
  server?: string;
  graceSeconds: string;
  drainSeconds?: string;
}

/** What a pod needs to end after its last call: the kubelet kills it when the grace is over. */
const MARGIN_SECONDS = 10;

async function readText(file: string): Promise<string> {
  try {
    return await (file === '-' ? textOf(process.stdin) : readFile(file, 'utf8'));
  } catch (error) {
    throw usageError(`${file} can’t be read: ${fileProblem(error)}`);
  }
}

async function run({ out }: Tools, options: Options): Promise<void> {
  const { filename } = options;
  const text = await readText(filename);
  const read = readDocuments(text);
  if ('problem' in read) throw usageError(`${filename}, ${read.problem}`);
  const objects = read.values.flatMap(objectsOf);
  if (!objects.some(templateOf)) {
    const passing = objects.find(isPassing);
    throw usageError(
      `${filename}: there is no Deployment, StatefulSet, DaemonSet or ReplicaSet in it${passing ? `, and a ${passing.kind} is no server that goes on` : ''}`,
    );
  }
  const wanted = injectOptions(options, options.join === undefined ? null : await joinOptions(options, options.join));
  const result = transformText(text, read, options.uninject === true ? uninject : (before) => inject(before, wanted));
  for (const note of result.notes) process.stderr.write(`${note}\n`);
  out.document(result.objects, () => result.text.trimEnd());
}

/** Pods believe the control planes by this authority before they show them a token. */
async function joinOptions({ joinAddress, redisCaSecret }: Options, caFile: string): Promise<JoinOptions> {
  const authorities = await readText(caFile);
  if (!holdsCertificates(authorities) || authorities.includes('PRIVATE KEY'))
    throw usageError(`--join: ${caFile} is no certificate of an authority (the mesh’s ca.crt)`);
  return { address: joinAddress, authorities, hasRedisCa: redisCaSecret !== undefined };
}

function injectOptions(options: Options, join: JoinOptions | null): InjectOptions {
  const graceSeconds = seconds('--grace-seconds', options.graceSeconds),
    most = graceSeconds - MARGIN_SECONDS;
  const drainSeconds = options.drainSeconds === undefined ? most : seconds('--drain-seconds', options.drainSeconds);
  if (most < 1) throw usageError(`--grace-seconds: at least ${MARGIN_SECONDS + 1}`);
  if (drainSeconds > most)
    throw usageError(`--drain-seconds: at most ${most}, ${MARGIN_SECONDS} less than --grace-seconds, or calls are cut`);
  return {
    ...options,
    graceSeconds,
    drainSeconds,
    redisCaSecret: options.redisCaSecret ?? null,
    join,
    server: options.server ?? null,
  };
}

function seconds(name: string, text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text))
    throw usageError(`${name}: ${JSON.stringify(text)} is not a whole number of seconds`);
  return Number(text);
}

/** What the pods need in their namespace; docs/kubernetes.md has it with Redis's URL. */
const SECRETS = `
In the pods’ namespace (here mcp, a workload named linear-server):
  holdfast certs init gateway/linear-server/pods --dir certs
  kubectl -n mcp create secret generic linear-server-tls --from-file=tls.crt=certs/linear-server.crt \\
    --from-file=tls.key=certs/linear-server.key --from-file=ca.crt=certs/ca.crt
  kubectl -n mcp create secret generic holdfast-redis --from-file=url=redis/gateway-url
  kubectl label namespace mcp mesh.holdfast/servers=true mesh.holdfast/members=true
Then --certificate-secret linear-server-tls. Redis with TLS: a Secret with its ca.crt as well, and --redis-ca-secret.

The pair runs as native sidecars, and servers get a preStop hook that sleeps: Kubernetes 1.30 or later.`;

export const injectCommand = (): Command =>
  new Command('inject')
    .description(
      'Prints Kubernetes manifests with Envoy and sidecar in the pods of an MCP server: holdfast inject -f deployment.yaml | kubectl apply -f -',
    )
    .requiredOption('-f, --filename <file>', 'manifests (YAML, any number of documents); - for standard input')
    .addHelpText('after', SECRETS)
    .option('--uninject', 'take them out again')
    .option('--server <name>', 'the server’s name in the configuration: its pods go on serving it at /mcp')
    .option('--port <port>', 'which port of its Service is MCP, by name or number; needed where it has several')
    .option('--control-plane <host:port>', 'Service of the control planes', DEFAULTS.controlPlane)
    .option('--image <image>', 'the sidecar’s', DEFAULTS.image)
    .option('--envoy-image <image>', 'Envoy’s', DEFAULTS.envoyImage)
    .option('--redis-secret <name>', 'Secret whose key `url` says where Redis is', DEFAULTS.redisSecret)
    .option('--redis-ca-secret <name>', 'Secret whose key `ca.crt` signs Redis’s certificate')
    .option(
      '--certificate-secret <name>',
      'Secret of the pods’ certificate (tls.crt, tls.key, ca.crt), in their namespace',
      DEFAULTS.certificateSecret,
    )
    .option(
      '--join <ca.crt>',
      'no Secrets: the control planes, which have `injection.join`, give the pods what they need',
    )
    .option('--join-address <host:port>', 'where pods join', 'holdfast-control-plane.holdfast:18002')
    .option('--ipv6', 'Envoy and sidecar listen on IPv6 as well', false)
    .option('--grace-seconds <seconds>', 'how long a pod may take to end, at least', String(DEFAULTS.graceSeconds))
    .option('--drain-seconds <seconds>', 'how long its calls and streams may go on then; 10 less when absent')
    .action(action(run));
