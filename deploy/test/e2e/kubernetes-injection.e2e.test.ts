import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { run as holdfast } from '../../../control-plane/cli/testing/run-command.ts';
import { uninjectPod } from '../../../control-plane/inject/inject-pod.ts';
import { templateOf, type Manifest, type PodTemplate } from '../../../control-plane/inject/manifest.ts';
import { podProblem } from '../../../control-plane/inject/pod-problem.ts';
import { CORPUS } from '../../../control-plane/inject/testing/corpus.ts';
import { startRedis, type Redis } from '../mesh/start-redis.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { hasProgram, testWith } from '../test-with.ts';
import { startApiCluster, type ApiAnswer, type ApiCluster } from './kubernetes/api-cluster.ts';
import { ApiObjects } from './kubernetes/api-objects.ts';
import { API_LEVEL, missingPrograms } from './kubernetes/binaries.ts';
import { built } from './kubernetes/built-manifests.ts';
import { controlPlaneProcess, type ControlPlaneProcess } from './kubernetes/control-plane-process.ts';
import { adminConfig, controlPlaneConfig, followService, podListerConfig } from './kubernetes/follow-service.ts';
import { joinsByItsAccount } from './kubernetes/joins-by-its-account.ts';
import { ASKS, messageOf, plainly, pod, PODS } from './kubernetes/plain-pod.ts';
import { stagePods } from './kubernetes/stage-pods.ts';
import { storedObjects } from './kubernetes/stored-objects.ts';

const missing = await missingPrograms([...API_LEVEL, 'kube-controller-manager']);
const isHere = missing.length === 0 && hasProgram('kubectl', 'kustomize', '--help');
const need = `${missing.join(', ') || 'kubectl'}: npm run e2e:kubernetes -- --build`;
let cluster: ApiCluster, objects: ApiObjects, controlPlane: ControlPlaneProcess, redis: Redis;

const SERVICES = '/api/v1/namespaces/mcp/services';

if (isHere) {
  test.before(async (t) => {
    t.timeout(300_000);
    cluster = await startApiCluster();
    objects = new ApiObjects(cluster);
    for (const manifest of await built('base'))
      if (['Namespace', 'ServiceAccount', 'ClusterRole', 'ClusterRoleBinding'].includes(manifest.kind))
        await objects.apply(manifest);
    await cluster.request('POST', '/api/v1/namespaces', {
      metadata: { name: 'mcp', labels: { 'mesh.holdfast/inject': 'enabled', 'mesh.holdfast/members': 'true' } },
    });
    const kubeconfig = await controlPlaneConfig(cluster);
    const servers = [
      {
        name: 'linear',
        backends: [
          { name: 'stable', discovery: { type: 'kubernetes', namespace: 'mcp', service: 'linear', kubeconfig } },
        ],
      },
    ];
    redis = await startRedis();
    controlPlane = await controlPlaneProcess(cluster.folder, servers, (port, certs) => ({
      injection: { listen: `127.0.0.1:${port}`, kubeconfig, join: joinConfig(certs, `127.0.0.1:${port}`) },
    }));
    await writeFile(join(cluster.folder, 'redis-url'), `${redis.url}\n`);
    for (const manifest of [...(await built('components/injection')), ...(await built('components/join'))]) {
      if (manifest.kind === 'NetworkPolicy') continue;
      const answer = await objects.apply(reachedHere(manifest));
      t.true(answer.status < 300, messageOf(answer));
    }
    await controlPlane.process.start();
    await waitFor(
      async () => (await cluster.request('GET', '/api/v1/namespaces/mcp/serviceaccounts/default')).status === 200,
      { what: 'the controllers work' },
    );
    await waitFor(async () => JSON.stringify((await ask(pod('first'))).body).includes('holdfast-sidecar'), {
      what: 'the API server trusts the webhook',
    });
  });
  test.after.always(async () => {
    await controlPlane?.process.kill();
    await redis?.close();
    await cluster?.stop();
  });
}

const joinConfig = (certs: string, address: string): object => ({
  address,
  authority: { certificateFile: join(certs, 'ca.crt'), keyFile: join(certs, 'ca.key') },
  redisUrlFile: join(cluster.folder, 'redis-url'),
});

/** The webhook as the test's API server reaches it: it runs no Service. */
function reachedHere(manifest: Manifest): Manifest {
  const webhooks = manifest['webhooks'] as Array<{ clientConfig: object }> | undefined;
  const clientConfig = { url: `https://127.0.0.1:${controlPlane.webhookPort}/v1/admit` };
  return webhooks ? { ...manifest, webhooks: webhooks.map((each) => ({ ...each, clientConfig })) } : manifest;
}

const ask = (body: object): Promise<ApiAnswer> =>
  cluster.request('POST', `${PODS}?dryRun=All&fieldValidation=Strict`, body);
testWith(
  need,
  isHere,
  'a pod that asks comes back injected from the API server, with the rights of the manifest alone',
  async (t) => {
    const made = await cluster.request('POST', PODS, pod('asks'));
    t.is(made.status, 201, messageOf(made));
    const { spec, metadata } = made.body as unknown as PodTemplate;
    t.deepEqual(
      spec.initContainers?.map(({ name }) => name),
      ['holdfast-join', 'holdfast-bootstrap', 'holdfast-sidecar', 'holdfast-envoy'],
    );
    t.is(metadata?.labels?.['mesh.holdfast/member'], 'true');
    t.deepEqual(spec.containers[0]?.lifecycle, { preStop: { sleep: { seconds: 50 } } });
    for (const annotations of [{}, { 'mesh.holdfast/inject': 'disabled' }])
      t.notRegex(JSON.stringify((await ask(pod('other', annotations))).body), /holdfast-sidecar/);
    const refused = await ask(pod('refused', ASKS, { hostNetwork: true }));
    t.true(refused.status >= 400);
    t.regex(messageOf(refused), /admission webhook "pods.inject.mesh.holdfast" denied the request: .*hostNetwork/);
    // Another webhook configuration is none of its business.
    const kubeconfig = await controlPlaneConfig(cluster);
    t.truthy(kubeconfig);
    const review = await cluster.request('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      spec: {
        user: 'system:serviceaccount:holdfast:holdfast-control-plane',
        resourceAttributes: {
          group: 'admissionregistration.k8s.io',
          resource: 'mutatingwebhookconfigurations',
          verb: 'patch',
          name: 'of-somebody-else',
        },
      },
    });
    t.like(review.body['status'], { allowed: false });
  },
);

testWith(
  need,
  isHere,
  'an injected pod joins by its ServiceAccount, is a gateway of the mesh, and renews its certificate; nobody else can join',
  (t) => joinsByItsAccount(t, { cluster, controlPlane, redis }),
);

testWith(
  need,
  isHere,
  'holdfast check --proxy finds the pod whose sidecar is old, in all namespaces or one, with the right to list pods alone',
  async (t) => {
    t.is((await cluster.request('POST', PODS, pod('renewed'))).status, 201);
    const made = await cluster.request('POST', PODS, pod('old'));
    t.is(made.status, 201, messageOf(made));
    const image = 'holdfast/sidecar:0.0.9';
    const patched = await cluster.request(
      'PATCH',
      `${PODS}/old`,
      { spec: { initContainers: [{ name: 'holdfast-sidecar', image }] } },
      'application/strategic-merge-patch+json',
    );
    t.is(patched.status, 200, messageOf(patched));
    const operator = await podListerConfig(cluster);
    const check = (...args: string[]) => holdfast(['check', '--proxy', '--json', '--kubeconfig', operator, ...args]);
    const one = await check('-n', 'mcp');
    t.is(one.code, 1, one.err);
    const old = (JSON.parse(one.out) as { pods: unknown[] }).pods;
    t.deepEqual(old, [
      {
        namespace: 'mcp',
        pod: 'old',
        has: [image],
        shouldHave: ['holdfast/sidecar:0.1.0'],
        renew: 'pod old in mcp belongs to no controller: delete it, and make it again',
      },
    ]);
    const refused = await check();
    t.is(refused.code, 77, refused.err);
    t.regex(refused.err, /cannot list resource "pods" in API group "" at the cluster scope/);
    const everywhere = await holdfast(['check', '--proxy', '--json', '--kubeconfig', await adminConfig(cluster)]);
    t.deepEqual((JSON.parse(everywhere.out) as { pods: unknown[] }).pods, old);
    for (const name of ['old', 'renewed']) await cluster.request('DELETE', `${PODS}/${name}?gracePeriodSeconds=0`);
  },
);

testWith(
  need,
  isHere,
  'the corpus through the webhook: accepted, the same but for the additions, twice is once, and uninject undoes it',
  async (t) => {
    t.timeout(600_000);
    let pods = 0;
    for (const { title, text } of CORPUS) {
      for (const manifest of await storedObjects(objects, text, title)) {
        const template = templateOf(manifest);
        if (!template) continue;
        const { labels, annotations } = template.metadata ?? {};
        const claims = (manifest.spec?.['volumeClaimTemplates'] ?? []) as Array<{ metadata: { name: string } }>;
        const volumes = claims.map(({ metadata: { name } }) => ({ name, persistentVolumeClaim: { claimName: name } }));
        const spec = { ...template.spec, volumes: [...(template.spec.volumes ?? []), ...volumes] };
        // Objects of the cluster that these cases only name.
        const named = ['priorityClassName', 'priority', 'serviceAccountName', 'serviceAccount'];
        const plainSpec = Object.fromEntries(Object.entries(spec).filter(([field]) => !named.includes(field)));
        const body = (more: object): object => ({
          metadata: { name: 'corpus', labels: labels ?? {}, annotations: { ...annotations, ...more } },
          spec: plainSpec,
        });
        const plain = await ask(body({})),
          injected = await ask(body(ASKS));
        t.is(plain.status, 201, `${title}: ${messageOf(plain)}`);
        if (podProblem(template.spec) !== null) {
          t.true(injected.status >= 400 && messageOf(injected).includes('can’t be put into this pod'), title);
          continue;
        }
        t.is(injected.status, 201, `${title}: ${messageOf(injected)}`);
        pods += 1;
        const result = plainly(injected);
        const again = await ask({ metadata: { name: 'corpus', ...result.metadata }, spec: result.spec });
        t.deepEqual(plainly(again), result, title);
        const undone = uninjectPod(result);
        delete undone.metadata?.annotations?.['mesh.holdfast/inject'];
        t.deepEqual(plainly({ ...injected, body: undone as never }), plainly(plain), title);
      }
    }
    t.true(pods >= 60, String(pods));
  },
);

testWith(
  need,
  isHere,
  'a Service that asks leads to Envoy; Kubernetes’ own controller tells where the replicas are, and discovery finds them',
  async (t) => {
    t.timeout(120_000);
    const spec = { selector: { app: 'linear' }, ports: [{ name: 'mcp', port: 80, targetPort: 3000 }] };
    const made = await cluster.request('POST', SERVICES, { metadata: { name: 'linear', annotations: ASKS }, spec });
    t.is(made.status, 201, messageOf(made));
    t.like(made.body['spec'], { ports: [{ targetPort: 37373 }] });
    await stagePods(cluster, 'mcp', { app: 'linear' }, [
      { name: 'linear-0', ips: ['10.2.1.1'], isReady: true },
      // Ready only when its own pair is, which waits for the replica to be known.
      { name: 'linear-1', ips: ['10.2.1.2'], isReady: false },
    ]);
    const followed = followService(t, await controlPlaneConfig(cluster), 'linear');
    await waitFor(() => followed.addresses() === '10.2.1.1:3000 10.2.1.2:3000', {
      what: 'the replicas behind their Envoys',
    });
    // Who applies his manifest again takes nothing away.
    const applied = await objects.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'linear', namespace: 'mcp', annotations: ASKS },
      spec,
    } as never);
    t.like(applied.body['spec'], { ports: [{ targetPort: 37373 }] });
    const released = await cluster.request(
      'PATCH',
      `${SERVICES}/linear`,
      { metadata: { annotations: { 'mesh.holdfast/inject': null } } },
      'application/merge-patch+json',
    );
    t.like(released.body['spec'], { ports: [{ targetPort: 3000 }] });
    t.notRegex(JSON.stringify(released.body['metadata']), /replica-port":|former-ports":"/);
    const named = await cluster.request('POST', `${SERVICES}?dryRun=All`, {
      metadata: { name: 'named', annotations: ASKS },
      spec: { ...spec, ports: [{ port: 80, targetPort: 'mcp' }] },
    });
    t.regex(named.warnings, /Service named is left alone: its targetPort mcp is a name/);
  },
);

testWith(
  need,
  isHere,
  'no control plane: pods that do not ask start as ever, one that asks is refused and says why, and is made after its return',
  async (t) => {
    t.timeout(120_000);
    await controlPlane.process.kill();
    t.is((await ask(pod('plain', {}))).status, 201);
    t.is(
      (
        await cluster.request('POST', `${SERVICES}?dryRun=All`, {
          metadata: { name: 'plain' },
          spec: { ports: [{ port: 80 }] },
        })
      ).status,
      201,
    );
    const refused = await ask(pod('waits'));
    t.is(refused.status, 500);
    t.regex(messageOf(refused), /failed calling webhook "pods.inject.mesh.holdfast"/);
    // What somebody applies meanwhile has no bundle; the control plane writes it again.
    for (const manifest of await built('components/injection'))
      if (manifest.kind === 'MutatingWebhookConfiguration') {
        const path = await objects.path(manifest);
        await cluster.request('DELETE', path ?? '');
        await objects.apply(reachedHere(manifest));
      }
    await controlPlane.process.start();
    await waitFor(async () => (await ask(pod('waits'))).status === 201, { what: 'pods that ask are made again' });
    t.regex(JSON.stringify((await ask(pod('waits'))).body), /holdfast-sidecar/);
    t.notRegex(controlPlane.process.log(), /PRIVATE KEY|eyJ/, 'no key and no token in the log');
  },
);
