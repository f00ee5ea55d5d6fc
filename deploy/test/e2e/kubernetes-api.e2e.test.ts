import test from 'ava';
import { inject } from '../../../control-plane/inject/inject.ts';
import type { Manifest, PodSpec } from '../../../control-plane/inject/manifest.ts';
import { DEFAULTS } from '../../../control-plane/inject/pod-parts.ts';
import { CORPUS } from '../../../control-plane/inject/testing/corpus.ts';
import { objectsOf, readDocuments } from '../../../control-plane/inject/yaml/read-manifests.ts';
import { transformText } from '../../../control-plane/inject/yaml/transform-text.ts';
import { hasProgram, testWith } from '../test-with.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { startApiCluster, type ApiCluster } from './kubernetes/api-cluster.ts';
import { ApiObjects } from './kubernetes/api-objects.ts';
import { appliesComponents } from './kubernetes/applies-components.ts';
import { API_LEVEL, missingPrograms } from './kubernetes/binaries.ts';
import { built, charted } from './kubernetes/built-manifests.ts';
import { missingKinds } from './kubernetes/foreign-kinds.ts';
import { controlPlaneConfig, followService, type FollowedService } from './kubernetes/follow-service.ts';
import { podOf } from './kubernetes/pod-of.ts';
import { storedObjects } from './kubernetes/stored-objects.ts';
import { stagePods } from './kubernetes/stage-pods.ts';

const missing = await missingPrograms(API_LEVEL);
const hasHelm = (await missingPrograms(['helm'])).length === 0,
  hasControllers = (await missingPrograms(['kube-controller-manager'])).length === 0,
  hasKinds = missingKinds().length === 0;
const isHere = missing.length === 0;
const need = `${missing.join(', ')} in the cache: npm run e2e:kubernetes -- --build`;
let cluster: ApiCluster, objects: ApiObjects;

if (isHere) {
  test.before(async (t) => {
    t.timeout(300_000);
    cluster = await startApiCluster();
    objects = new ApiObjects(cluster);
    for (const name of ['mcp', 'team-b']) await cluster.request('POST', '/api/v1/namespaces', { metadata: { name } });
  });
  test.after.always(() => cluster?.stop());
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

testWith(
  'kubectl, and the kinds of other projects beside the API server in the cache: npm run e2e:kubernetes -- --build',
  isHere && hasKinds && hasProgram('kubectl', 'kustomize', '--help'),
  'a component whose kinds are not there says which, all else is made; with them the API server checks its objects',
  (t) => appliesComponents(t, cluster),
);

testWith(
  'helm and a Kubernetes API server in the cache: npm run e2e:kubernetes -- --build',
  isHere && hasHelm,
  'the API server accepts the chart with every option on',
  async (t) => {
    let count = 0;
    for (const manifest of await charted()) {
      if ((await objects.path(manifest)) === undefined) {
        t.false(hasKinds, `${manifest.kind} ${manifest.metadata.name}`);
        continue;
      }
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
    const all = await storedObjects(objects, source, title);
    t.is(all.length, expected.length, title);
    return new Map(
      all.flatMap(({ kind, metadata, spec }) =>
        spec?.template ? [[`${kind} ${metadata.name}`, spec.template.spec] as const] : [],
      ),
    );
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
    await grantRights();
    const kubeconfig = await controlPlaneConfig(cluster);
    const follow = (service: string): FollowedService => followService(t, kubeconfig, service);
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

testWith(
  'kubectl, and a Kubernetes API server with its controllers in the cache: npm run e2e:kubernetes -- --build',
  isHere && hasControllers && hasProgram('kubectl', 'kustomize', '--help'),
  'pods of a dual-stack Service, by Kubernetes’ own controller: a readiness probe that fails keeps the replica, an end drains it',
  async (t) => {
    t.timeout(300_000);
    await grantRights();
    const labels = { app: 'real' };
    await waitFor(
      async () => (await cluster.request('GET', '/api/v1/namespaces/mcp/serviceaccounts/default')).status === 200,
      {
        what: 'the controllers work',
      },
    );
    const pods = (isReady: boolean): Promise<void> =>
      stagePods(cluster, 'mcp', labels, [
        { name: 'real-0', ips: ['10.2.0.1', 'fd00:2::1'], isReady },
        { name: 'real-1', ips: ['10.2.0.2', 'fd00:2::2'], isReady: true },
      ]);
    await pods(true);
    const spec = {
      ipFamilyPolicy: 'RequireDualStack',
      selector: labels,
      ports: [{ name: 'mcp', port: 80, targetPort: 'mcp' }],
    };
    await objects.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'real', namespace: 'mcp' },
      spec,
    } as never);
    const kubeconfig = await controlPlaneConfig(cluster);
    const both = '10.2.0.1:3000 10.2.0.2:3000';
    const first = followService(t, kubeconfig, 'real');
    await waitFor(() => first.addresses() === both, { what: 'the pods’ IPv4 addresses' });
    t.regex(first.report()?.replicas?.[0]?.identity ?? '', /^[0-9a-f-]{36}$/, 'the pod’s uid');
    await pods(false);
    await waitFor(() => first.addresses() === '10.2.0.1:3000 unready 10.2.0.2:3000', {
      what: 'a failed readiness probe',
    });
    await pods(true);
    await waitFor(() => first.addresses() === both, { what: 'a passed one' });
    // The controller writes both slices again, under other names: the addresses must not change for that.
    const slices =
      '/apis/discovery.k8s.io/v1/namespaces/mcp/endpointslices?labelSelector=kubernetes.io/service-name%3Dreal';
    const names = async (): Promise<string> => {
      const { body } = await cluster.request('GET', slices);
      return (body['items'] as Manifest[])
        .map(({ metadata }) => metadata.name)
        .sort()
        .join(' ');
    };
    const before = await names();
    await cluster.request('DELETE', slices);
    await waitFor(async () => (await names()).split(' ').length === 2 && (await names()) !== before, {
      what: 'new slices',
    });
    await waitFor(() => first.addresses() === both, { what: 'the same addresses' });
    const again = followService(t, kubeconfig, 'real');
    await waitFor(() => again.addresses() === both, { what: 'the same for another control plane' });
    await cluster.request('DELETE', '/api/v1/namespaces/mcp/pods/real-0?gracePeriodSeconds=600');
    await waitFor(() => first.addresses() === '10.2.0.1:3000 draining 10.2.0.2:3000', { what: 'a pod that ends' });
  },
);

/** Applies what the control plane's ServiceAccount needs. */
async function grantRights(): Promise<void> {
  for (const manifest of await built('base'))
    if (['Namespace', 'ServiceAccount', 'ClusterRole', 'ClusterRoleBinding'].includes(manifest.kind))
      await objects.apply(manifest);
}

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
