import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { resolve } from 'node:path';
import test from 'ava';
import { parseAllDocuments } from 'yaml';
import { Discovery } from '../../../control-plane/discovery/discovery.ts';
import type { SourceReport } from '../../../control-plane/discovery/source.ts';
import { inject } from '../../../control-plane/inject/inject.ts';
import type { Manifest, PodSpec, PodTemplate } from '../../../control-plane/inject/manifest.ts';
import { DEFAULTS } from '../../../control-plane/inject/pod-parts.ts';
import { CORPUS } from '../../../control-plane/inject/testing/corpus.ts';
import { objectsOf, readDocuments } from '../../../control-plane/inject/yaml/read-manifests.ts';
import { transformText } from '../../../control-plane/inject/yaml/transform-text.ts';
import { hasProgram, testWith } from '../test-with.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { startApiCluster, type ApiCluster } from './kubernetes/api-cluster.ts';
import { ApiObjects } from './kubernetes/api-objects.ts';
import { API_LEVEL, KUBERNETES_VERSION, missingPrograms, programPath } from './kubernetes/binaries.ts';

const missing = await missingPrograms(API_LEVEL);
const hasHelm = (await missingPrograms(['helm'])).length === 0;
const isHere = missing.length === 0;
const need = `${missing.join(', ')} in the cache: npm run e2e:kubernetes -- --build`;
let cluster: ApiCluster, objects: ApiObjects;

if (isHere) {
  test.before(async (t) => {
    t.timeout(300_000);
    cluster = await startApiCluster();
    objects = new ApiObjects(cluster);
    await cluster.request('POST', '/api/v1/namespaces', { metadata: { name: 'mcp' } });
  });
  test.after.always(() => cluster?.stop());
}

const root = resolve(import.meta.dirname, '../../..');
/** What a kustomization builds, in the order in which it can be applied. */
async function built(folder: string): Promise<Manifest[]> {
  const { stdout } = await promisify(execFile)('kubectl', ['kustomize', resolve(root, 'deploy/kubernetes', folder)]);
  const all = parseAllDocuments(stdout).map((each) => each.toJS() as Manifest);
  return all.sort((a, b) => Number(b.kind === 'Namespace') - Number(a.kind === 'Namespace'));
}
/** What the chart gives with every option on. */
async function charted(): Promise<Manifest[]> {
  const chart = resolve(root, 'deploy/helm');
  const args = ['template', 'mesh', 'holdfast', '--kube-version', KUBERNETES_VERSION, '--values', 'all-options.yaml'];
  const { stdout } = await promisify(execFile)(programPath('helm'), args, { cwd: chart });
  return parseAllDocuments(stdout).flatMap((each) => (each.toJS() as Manifest | null) ?? []);
}
const messageOf = ({ body }: { body: Record<string, unknown> }): unknown => body['message'];

testWith(
  need,
  isHere && hasProgram('kubectl', 'kustomize', '--help'),
  'the API server accepts every object of every overlay without a warning, and its admission the pods of the restricted namespace',
  async (t) => {
    t.timeout(300_000);
    for (const folder of ['base', 'overlays/redis-tls', 'overlays/production', 'overlays/inject']) {
      const pods: Manifest[] = [];
      for (const manifest of await built(folder)) {
        const answer = await objects.apply(manifest, { dryRun: folder !== 'base' });
        t.true(answer.status < 300, `${folder}: ${manifest.kind} ${manifest.metadata.name}: ${messageOf(answer)}`);
        t.is(answer.warnings, '', `${folder}: ${manifest.kind} ${manifest.metadata.name}`);
        pods.push(...podOf(manifest));
      }
      t.true(pods.length > 0);
      // The controllers make it, where they run.
      await objects.apply({
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'default', namespace: 'holdfast' },
      });
      for (const pod of pods) {
        const answer = await cluster.request(
          'POST',
          '/api/v1/namespaces/holdfast/pods?dryRun=All&fieldValidation=Strict',
          pod,
        );
        t.is(answer.status, 201, `${folder}: ${pod.metadata.name}: ${messageOf(answer)}`);
      }
    }
  },
);

/** A pod as the object's controller would make it. */
function podOf({ metadata, spec }: Manifest): Manifest[] {
  const {
    template,
    jobTemplate,
    volumeClaimTemplates = [],
  } = (spec ?? {}) as {
    template?: PodTemplate;
    jobTemplate?: { spec: { template: PodTemplate } };
    volumeClaimTemplates?: Array<{ metadata: { name: string } }>;
  };
  const pod = template ?? jobTemplate?.spec.template;
  if (!pod) return [];
  const claims = volumeClaimTemplates.map(({ metadata: { name } }) => ({
    name,
    persistentVolumeClaim: { claimName: name },
  }));
  return [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: metadata.name ?? '', labels: pod.metadata?.labels ?? {} },
      spec: { ...pod.spec, volumes: [...(pod.spec.volumes ?? []), ...claims] } as never,
    },
  ];
}

testWith(
  'helm and a Kubernetes API server in the cache: npm run e2e:kubernetes -- --build',
  isHere && hasHelm,
  'the API server accepts the chart with every option on',
  async (t) => {
    let count = 0;
    for (const manifest of await charted()) {
      if ((await objects.path(manifest)) === undefined) continue;
      const answer = await objects.apply(manifest, { dryRun: true });
      t.true(answer.status < 300, `${manifest.kind} ${manifest.metadata.name}: ${messageOf(answer)}`);
      t.is(answer.warnings, '');
      count += 1;
    }
    t.true(count > 20, String(count));
  },
);

testWith(need, isHere, 'the corpus after inject is accepted as it is written, and means what it meant', async (t) => {
  t.timeout(600_000);
  for (const { title, text, port } of CORPUS) {
    const before = readDocuments(text);
    if ('problem' in before) throw new Error(before.problem);
    const plain = await stored(text, title, before.values.flatMap(objectsOf));
    const after = transformText(text, before, (each) => inject(each, { ...DEFAULTS, port }));
    const injected = await stored(after.text, `${title}, injected`, after.objects);
    for (const [name, spec] of plain) {
      const now = injected.get(name);
      t.truthy(now, `${title}: ${name}`);
      // What the API server makes of the user's own parts is the same with and without the pair.
      t.deepEqual(now?.containers.map(withoutHook), spec.containers.map(withoutHook), `${title}: ${name}`);
      const own = now?.volumes?.filter((volume) => !volume.name.startsWith('holdfast-')) ?? [];
      t.deepEqual(own, spec.volumes ?? [], `${title}: ${name}`);
    }
  }

  /** Pod specs by object, as the API server would store them. */
  async function stored(source: string, title: string, expected: readonly Manifest[]): Promise<Map<string, PodSpec>> {
    const read = readDocuments(source);
    if ('problem' in read) throw new Error(`${title}: ${read.problem}`);
    const specs = new Map<string, PodSpec>();
    let count = 0;
    for (const [index, value] of read.values.entries()) {
      if (value === null) continue;
      const [start = 0, , end] = read.documents[index]?.contents?.range ?? [];
      const items = objectsOf(value);
      for (const item of items) {
        count += 1;
        const written = items[0] === value ? source.slice(start, end) : JSON.stringify(item);
        const answer = await objects.apply(item, { dryRun: true, text: written });
        t.true(answer.status < 300, `${title}: ${item.kind} ${item.metadata.name}: ${messageOf(answer)}\n${written}`);
        const spec = (answer.body as unknown as Manifest).spec?.template?.spec;
        if (spec) specs.set(`${item.kind} ${item.metadata.name}`, spec);
      }
    }
    t.is(count, expected.length, title);
    return specs;
  }
});

const withoutHook = ({ lifecycle, ...container }: PodSpec['containers'][number]): object => {
  const { preStop, ...rest } = lifecycle ?? {};
  const isOurs = JSON.stringify(preStop ?? '').includes('"sleep"');
  return { ...container, lifecycle: isOurs || preStop === undefined ? rest : { ...rest, preStop } };
};

testWith(
  need,
  isHere && hasProgram('kubectl', 'kustomize', '--help'),
  'discovery lives on the rights of the manifest, keeps its addresses over a restart, and says who may not do what',
  async (t) => {
    t.timeout(300_000);
    for (const manifest of await built('base'))
      if (['Namespace', 'ServiceAccount', 'ClusterRole', 'ClusterRoleBinding'].includes(manifest.kind))
        await objects.apply(manifest);
    const { body } = await cluster.request(
      'POST',
      '/api/v1/namespaces/holdfast/serviceaccounts/holdfast-control-plane/token',
      { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
    );
    const kubeconfig = await cluster.kubeconfig('control-plane', (body['status'] as { token: string }).token);
    const follow = (
      service: string,
    ): { report: () => SourceReport | undefined; addresses: () => string; stop: () => Promise<void> } => {
      const discovery = new Discovery({ onChange: () => {} });
      t.teardown(() => discovery.stop());
      discovery.watch([
        { server: 's', backend: 'b', discovery: { type: 'kubernetes', namespace: 'mcp', service, kubeconfig } },
      ]);
      const report = (): SourceReport | undefined => discovery.current().get('s/b');
      return {
        report,
        addresses: () =>
          report()
            ?.replicas?.map(({ address, isReady = true }) => `${address}${isReady ? '' : ' unready'}`)
            .join(' ') ?? '',
        stop: () => discovery.stop(),
      };
    };
    await slice('dual-a', 'dual', 'IPv6', [
      ['fd00::1', true],
      ['fd00::2', true],
    ]);
    await slice('dual-z', 'dual', 'IPv4', [
      ['10.1.0.1', true],
      ['10.1.0.2', true],
    ]);
    const first = follow('dual'),
      misspelt = follow('daul');
    const both = '10.1.0.1:3000 10.1.0.2:3000';
    await waitFor(() => first.addresses() === both, { what: 'the IPv4 addresses' });
    await slice('dual-z', 'dual', 'IPv4', [
      ['10.1.0.1', true],
      ['10.1.0.2', false],
    ]);
    await waitFor(() => first.addresses() === '10.1.0.1:3000 10.1.0.2:3000 unready', { what: 'one that is not ready' });
    await slice('dual-z', 'dual', 'IPv4', [
      ['10.1.0.1', true],
      ['10.1.0.2', true],
    ]);
    await waitFor(() => first.addresses() === both, { what: 'ready again' });
    await waitFor(() => /there is no Service daul in the namespace mcp/.test(misspelt.report()?.problem ?? ''), {
      what: 'a name that matches nothing',
    });
    const second = follow('dual');
    await waitFor(() => second.addresses() === both, { what: 'the same after a restart' });

    await cluster.apiServer.restart('SIGKILL');
    await slice('dual-z', 'dual', 'IPv4', [
      ['10.1.0.1', true],
      ['10.1.0.3', true],
    ]);
    await waitFor(() => first.addresses() === '10.1.0.1:3000 10.1.0.3:3000' && first.report()?.problem === null, {
      what: 'changes after the API server was away',
    });

    await cluster.request('DELETE', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/holdfast-control-plane');
    const third = follow('dual');
    t.is(first.report()?.problem, null);
    await waitFor(
      () =>
        /HTTP 403.*"system:serviceaccount:holdfast:holdfast-control-plane" cannot list resource "endpointslices"/.test(
          third.report()?.problem ?? '',
        ),
      { what: 'who may not do what' },
    );
  },
);

async function slice(
  name: string,
  service: string,
  addressType: string,
  endpoints: Array<[ip: string, ready: boolean]>,
): Promise<void> {
  const manifest = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'mcp', labels: { 'kubernetes.io/service-name': service } },
    addressType,
    ports: [{ name: 'mcp', port: 3000 }],
    endpoints: endpoints.map(([ip, ready], index) => ({
      addresses: [ip],
      conditions: { ready },
      targetRef: { kind: 'Pod', name: `pod-${ip.split(/[.:]/).at(-1)}`, namespace: 'mcp', uid: `uid-${index}` },
    })),
  };
  const answer = await objects.apply(manifest);
  if (answer.status >= 300) throw new Error(String(messageOf(answer)));
}
