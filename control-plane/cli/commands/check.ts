import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { formatProblem } from '../../../proto/config-file/problem.ts';
import { fileProblem } from '../../../proto/file-problem.ts';
import { parseConfig } from '../../config/parse-config.ts';
import { MARK } from '../../inject/manifest.ts';
import { isInjected, oldPod, type ListedPod, type OldPod, type PairImages } from '../../inject/old-pair.ts';
import { DEFAULTS } from '../../inject/pod-parts.ts';
import { openKubernetes } from '../../kubernetes/kube-config.ts';
import { kubernetesProblem } from '../../kubernetes/kubernetes-problem.ts';
import { listPods } from '../../kubernetes/list-pods.ts';
import { action, type Tools } from '../command.ts';
import { CliError, EXIT, usageError } from '../exit-code.ts';
import { configFileOf } from '../settings.ts';
import { plain, table } from '../table.ts';

interface Options {
  namespace?: string[];
  kubeconfig?: string;
  context?: string;
  image?: string;
  envoyImage?: string;
}

/** All injected pods are in order. */
const OBJECTIVE = 'injected pods whose Envoy and sidecar are not of the images that the configuration names';

async function check(tools: Tools, options: Options): Promise<void> {
  const { out } = tools;
  const wanted = wantedImages(tools, options);
  const injected = (await podsOf(options)).filter(isInjected);
  if (injected.length === 0 && options.namespace !== undefined)
    throw new CliError(EXIT.refused, `there is no injected pod in ${options.namespace.map(plain).join(', ')}`);
  const old = injected.flatMap((pod) => oldPod(pod, wanted) ?? []);
  const objectives = [{ name: OBJECTIVE, goal: '0', measured: old.length, met: old.length === 0 }];
  out.show({ objectives, wanted, injected: injected.length, pods: old }, () =>
    old.length === 0
      ? `${injected.length} injected pod(s), all with ${plain(wanted.sidecar)} and ${plain(wanted.envoy)}`
      : report(old),
  );
  if (old.length > 0) throw new CliError(EXIT.unmet, `${old.length} of ${injected.length} injected pod(s) are old`);
}

const report = (old: readonly OldPod[]): string =>
  [
    table(
      ['namespace', 'pod', 'has', 'should have'],
      old.map(({ namespace, pod, has, shouldHave }) => [namespace, pod, has.join(', '), shouldHave.join(', ')]),
    ),
    '',
    'To renew them:',
    ...new Set(old.map(({ renew }) => `  ${plain(renew)}`)),
  ].join('\n');

/** Options win over the configuration file; where there is none, this version's own images. */
function wantedImages({ options, env }: Tools, { image, envoyImage }: Options): PairImages {
  const isNamed = options.config !== undefined || env['HOLDFAST_CONFIG'] !== undefined;
  const file = configFileOf(options, env);
  let named: { image: string; envoyImage: string } = DEFAULTS;
  if (image === undefined || envoyImage === undefined) {
    const text = textOf(file, isNamed);
    const parsed = text === null ? null : parseConfig(text, env);
    if (parsed?.kind === 'bad')
      throw usageError(
        `${file} has ${parsed.problems.length} problem(s), so the images it names are not known\n${parsed.problems.map((each) => formatProblem(each, file)).join('\n')}`,
      );
    named = parsed?.config.controlPlane.kubernetes?.injection ?? DEFAULTS;
  }
  return { sidecar: image ?? named.image, envoy: envoyImage ?? named.envoyImage };
}

/** Null: there is no such file, and nobody named it. */
function textOf(file: string, isNamed: boolean): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (!isNamed && (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw usageError(`${file} can’t be read: ${fileProblem(error)}`);
  }
}

async function podsOf({ kubeconfig, context, namespace: namespaces }: Options): Promise<ListedPod[]> {
  const { client, kubeConfig } = await openKubernetes({ kubeconfig, context }, { isOperator: true }).catch(
    (error: Error) => {
      throw usageError(
        `${kubeconfig === undefined ? 'KUBECONFIG or ~/.kube/config' : `--kubeconfig ${kubeconfig}`} can’t be read: ${fileProblem(error).split('\n')[0]}`,
      );
    },
  );
  const cluster = kubeConfig.getCurrentCluster();
  // The library's own last resort, where neither a kubeconfig nor a ServiceAccount is there.
  if (cluster?.name === 'cluster' && cluster.server === 'http://localhost:8080')
    throw usageError(
      'there is no kubeconfig: neither KUBECONFIG nor ~/.kube/config names a file that is there; name one with --kubeconfig',
    );
  const url = cluster?.server;
  if (url === undefined)
    throw usageError(
      `the kubeconfig names no cluster for ${context === undefined ? 'its current context' : `the context ${context}`}: --context, or kubectl config get-contexts`,
    );
  const pods: ListedPod[] = [];
  for (const namespace of namespaces ?? [null])
    try {
      pods.push(...(await listPods(client, kubeConfig, `${MARK.member}=true`, namespace)));
    } catch (error) {
      throw listProblem(error, url, namespace);
    }
  return pods;
}

function listProblem(error: unknown, url: string, namespace: string | null): CliError {
  const why = kubernetesProblem(error),
    { code } = (error ?? {}) as { code?: unknown };
  if (code === 403)
    return new CliError(
      EXIT.noPermission,
      `${why}. ${namespace === null ? 'With fewer rights: --namespace NAME' : `It takes the verb list on pods in ${namespace}`}`,
    );
  if (code === 401) return new CliError(EXIT.noPermission, why);
  return new CliError(EXIT.unavailable, `the API server at ${url} can’t be asked: ${why}`);
}

export const checkCommand = (): Command =>
  new Command('check')
    .description(
      'Compares a Kubernetes cluster with the configuration: which injected pods have an old Envoy or sidecar, and how they are renewed. Exit code 1 when one is old.',
    )
    .requiredOption('--proxy', 'look at the pods that have Envoy and sidecar')
    .option('-n, --namespace <name...>', 'in these namespaces; all when absent')
    .option('--kubeconfig <file>', 'how the API server is reached (KUBECONFIG; else ~/.kube/config)')
    .option('--context <name>', 'of the kubeconfig; its current one when absent')
    .option(
      '--image <image>',
      'the sidecar’s; controlPlane.kubernetes.injection.image of the configuration when absent',
    )
    .option('--envoy-image <image>', 'Envoy’s; controlPlane.kubernetes.injection.envoyImage when absent')
    .action(action(check));
