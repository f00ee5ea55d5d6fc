import { execFile } from 'node:child_process';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { parse, stringify } from 'yaml';
import type { Manifest } from '../../../../control-plane/inject/manifest.ts';
import { REPOSITORY } from '../../mesh/node-program.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import type { ApiCluster } from './api-cluster.ts';
import { ApiObjects } from './api-objects.ts';
import { foreignKinds } from './foreign-kinds.ts';

/** Components whose objects are of kinds that somebody else has to bring, and which those are. */
const FOREIGN = {
  monitoring: ['PodMonitor', 'ServiceMonitor', 'PrometheusRule'],
  'cert-manager': ['Issuer', 'Certificate'],
};
const OBJECTS_OF_FOREIGN = [
  '/apis/monitoring.coreos.com/v1/namespaces/holdfast/podmonitors/holdfast-gateway',
  '/apis/monitoring.coreos.com/v1/namespaces/holdfast/servicemonitors/holdfast-control-plane',
  '/apis/monitoring.coreos.com/v1/namespaces/holdfast/prometheusrules/holdfast',
  '/apis/cert-manager.io/v1/namespaces/holdfast/certificates/holdfast-gateway',
];
const BASE = '/apis/apps/v1/namespaces/holdfast/deployments/holdfast-gateway';

/**
 * `kubectl apply -k` of an overlay with components whose kinds are not there: it fails and names each kind, and all else is made.
 * Once the kinds are there, the same command succeeds, and the API server checks the objects by their schemas.
 */
export async function appliesComponents(t: ExecutionContext, cluster: ApiCluster): Promise<void> {
  t.timeout(300_000);
  const kubeconfig = await cluster.kubeconfig('admin');
  const overlay = async (...components: string[]): Promise<string> => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-overlay-')));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const manifests = (path: string): string => relative(folder, join(REPOSITORY, 'deploy/kubernetes', path));
    const all = components.map((each) => manifests(`components/${each}`));
    await writeFile(join(folder, 'kustomization.yaml'), stringify({ resources: [manifests('base')], components: all }));
    return folder;
  };
  const apply = async (...args: string[]): Promise<{ code: number; text: string }> => {
    const options = ['--kubeconfig', kubeconfig, '--cache-dir', join(cluster.folder, 'kubectl'), '--validate=strict'];
    return promisify(execFile)('kubectl', ['apply', ...options, ...args]).then(
      ({ stdout, stderr }) => ({ code: 0, text: `${stdout}${stderr}` }),
      (error: { code: number; stderr: string }) => ({ code: error.code, text: error.stderr }),
    );
  };
  const status = async (path: string): Promise<number> => (await cluster.request('GET', path)).status;

  await cluster.request('DELETE', BASE);
  for (const [component, kinds] of Object.entries(FOREIGN)) {
    const { code, text } = await apply('-k', await overlay(component));
    t.is(code, 1, component);
    for (const kind of kinds) t.regex(text, new RegExp(`no matches for kind "${kind}".*\n?ensure CRDs are installed`));
    t.is(await status(BASE), 200, `${component}: all else is made`);
  }

  const definitions = new ApiObjects(cluster);
  for (const each of await foreignKinds()) {
    const answer = await definitions.apply(each);
    t.true(answer.status < 300, `${each.metadata.name}: ${JSON.stringify(answer.body).slice(0, 500)}`);
  }
  await waitFor(
    async () => {
      const asked = OBJECTS_OF_FOREIGN.map((path) => status(path.slice(0, path.lastIndexOf('/'))));
      return (await Promise.all(asked)).every((each) => each === 200);
    },
    { what: 'the kinds are served' },
  );
  const all = await apply('-k', await overlay(...Object.keys(FOREIGN), 'injection', 'join', 'mcp-servers'));
  t.is(all.code, 0, all.text);
  for (const path of OBJECTS_OF_FOREIGN) t.is(await status(path), 200, path);

  const objects = new ApiObjects(cluster);
  const monitor = await cluster.request('GET', OBJECTS_OF_FOREIGN[0] ?? '');
  const wrong = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PodMonitor',
    metadata: { name: 'wrong', namespace: 'holdfast' },
  };
  const refused = await objects.apply({
    ...wrong,
    spec: { ...(monitor.body['spec'] as object), podMetricsEndpoint: [] },
  } as Manifest);
  t.regex(String(refused.body['message']), /podMetricsEndpoint: field not declared in schema|unknown field/);

  const route = await objects.apply(await routeOfThePage());
  t.is(route.status, 201, JSON.stringify(route.body));
  t.is(route.warnings, '');
}

/** The HTTPRoute that docs/kubernetes.md shows. */
async function routeOfThePage(): Promise<Manifest> {
  const page = await readFile(join(REPOSITORY, 'docs/kubernetes.md'), 'utf8');
  const example = page.split('```yaml\n').find((each) => each.includes('kind: HTTPRoute'));
  return parse(example?.split('\n```')[0] ?? '') as Manifest;
}
