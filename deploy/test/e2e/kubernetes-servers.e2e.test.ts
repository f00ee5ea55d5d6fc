import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import type { Manifest } from '../../../control-plane/inject/manifest.ts';
import { getJson } from './kubernetes/get-json.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { hasProgram, testWith } from '../test-with.ts';
import { startApiCluster, type ApiAnswer, type ApiCluster } from './kubernetes/api-cluster.ts';
import { ApiObjects } from './kubernetes/api-objects.ts';
import { API_LEVEL, missingPrograms } from './kubernetes/binaries.ts';
import { built } from './kubernetes/built-manifests.ts';
import { controlPlaneProcess, type ControlPlaneProcess } from './kubernetes/control-plane-process.ts';
import { controlPlaneConfig } from './kubernetes/follow-service.ts';

const missing = await missingPrograms(API_LEVEL);
const isHere = missing.length === 0 && hasProgram('kubectl', 'kustomize', '--help');
const need = `${missing.join(', ') || 'kubectl'}: npm run e2e:kubernetes -- --build`;
let cluster: ApiCluster, objects: ApiObjects, controlPlane: ControlPlaneProcess, kubeconfig: string;

const RESOURCES = '/apis/mesh.holdfast/v1alpha1/namespaces';
const messageOf = ({ body }: ApiAnswer): string => String(body['message'] ?? '');
const resource = (name: string, spec: object, namespace = 'mcp'): Manifest => ({
  apiVersion: 'mesh.holdfast/v1alpha1',
  kind: 'McpServer',
  metadata: { name, namespace },
  spec: { backends: [{ service: name }], ...spec } as never,
});
const put = async (manifest: Manifest): Promise<void> => {
  const answer = await objects.apply(manifest);
  if (answer.status >= 300) throw new Error(messageOf(answer));
};
const statusOf = async (name: string, namespace = 'mcp'): Promise<Record<string, unknown>> =>
  ((await cluster.request('GET', `${RESOURCES}/${namespace}/mcpservers/${name}`)).body['status'] ?? {}) as Record<
    string,
    unknown
  >;
const inMesh = async (): Promise<string> => {
  const answer = await getJson(`${controlPlane.adminUrl}/v1/status`).catch(() => ({}));
  const { servers = [] } = answer as { servers?: Array<{ name: string; replicas: number }> };
  return servers
    .map(({ name, replicas }) => `${name} ${replicas}`)
    .sort()
    .join(', ');
};
const slice = (service: string, namespace: string, ...ips: string[]): Manifest => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `${service}-a`, namespace, labels: { 'kubernetes.io/service-name': service } },
  addressType: 'IPv4',
  ports: [{ name: 'mcp', port: 3000 }],
  endpoints: ips.map((ip) => ({ addresses: [ip], targetRef: { kind: 'Pod', name: `pod-${ip}`, namespace } })),
});

if (isHere) {
  test.before(async (t) => {
    t.timeout(300_000);
    cluster = await startApiCluster();
    objects = new ApiObjects(cluster);
    for (const folder of ['base', 'components/mcp-servers'])
      for (const manifest of await built(folder))
        if (
          ['Namespace', 'ServiceAccount', 'ClusterRole', 'ClusterRoleBinding', 'CustomResourceDefinition'].includes(
            manifest.kind,
          )
        ) {
          const answer = await objects.apply(manifest);
          t.true(answer.status < 300, `${manifest.metadata.name}: ${messageOf(answer)}`);
          t.is(answer.warnings, '');
        }
    for (const name of ['mcp', 'team-b']) await cluster.request('POST', '/api/v1/namespaces', { metadata: { name } });
    await waitFor(async () => (await cluster.request('GET', `${RESOURCES}/mcp/mcpservers`)).status === 200, {
      what: 'the kind is served',
    });
    kubeconfig = await controlPlaneConfig(cluster);
    const servers = [{ name: 'of-file', backends: [{ name: 'stable', replicas: ['127.0.0.1:1'] }] }];
    controlPlane = await controlPlaneProcess(cluster.folder, servers, () => ({ servers: { kubeconfig } }));
    await controlPlane.process.start();
  });
  test.after.always(async () => {
    await controlPlane?.process.kill();
    await cluster?.stop();
  });
}

testWith(need, isHere, 'the API server itself refuses what can’t be a server, and says why', async (t) => {
  const refused = async (manifest: Manifest, why: RegExp): Promise<void> => {
    const answer = await objects.apply(manifest, { dryRun: true });
    t.true(answer.status >= 400, JSON.stringify(manifest.spec));
    t.regex(messageOf(answer), why);
  };
  await refused(resource('x', { backends: [] }), /spec\.backends/);
  await refused(resource('x', { backends: [{ service: 's', weight: 0 }] }), /one backend needs a weight above 0/);
  await refused(resource('x', { backends: [{ service: 's' }, { service: 'r' }] }), /[Dd]uplicate/);
  await refused(resource('x', { server: 'Linear' }), /spec\.server/);
  await refused(resource('a.b', {}), /say spec\.server/);
  await refused(resource('x', { settings: { jwt: { issuer: 'x' } } }), /jwt.*(unknown|not declared)/);
  await refused(resource('x', { settings: { timeouts: { callMs: -1 } } }), /callMs/);
  await refused(resource('x', { settings: { onReplicaLoss: 'never' } }), /onReplicaLoss/);
  t.is(
    (await objects.apply(resource('x', { settings: { guard: 'calls', timeouts: { callMs: 5000 } } }), { dryRun: true }))
      .status,
    201,
  );
  await put(resource('renamed', { server: 'before' }));
  await refused(resource('renamed', { server: 'after' }), /in clients’ URLs: make another McpServer/);
  await cluster.request('DELETE', `${RESOURCES}/mcp/mcpservers/renamed`);
});

testWith(
  need,
  isHere,
  'a resource and an annotated Service are servers of the mesh beside the file’s, with the rights of the manifest; the status says how each is',
  async (t) => {
    t.timeout(120_000);
    await put(slice('linear', 'mcp', '10.9.0.1', '10.9.0.2'));
    await put(resource('linear', {}));
    await waitFor(async () => (await statusOf('linear'))['replicas'] === '0/2', { what: 'two replicas in the status' });
    const status = await statusOf('linear');
    t.like(status, { server: 'linear', path: '/mcp/linear', slots: 2, lostSlots: 0, observedGeneration: 1 });
    t.like(status['conditions'], [
      { type: 'Accepted', status: 'True' },
      { type: 'Ready', status: 'False', reason: 'NoHealthyReplica' },
    ]);
    const annotated = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'docs', namespace: 'team-b', annotations: { 'mesh.holdfast/server': 'docs' } },
      spec: { ports: [{ port: 80 }] },
    };
    await put(slice('docs', 'team-b', '10.9.1.1'));
    await put(annotated as never);
    await waitFor(async () => (await inMesh()) === 'docs 1, linear 2, of-file 1', { what: 'all three servers' });

    // Another namespace does not get a name that is somebody's, and the file's names are the file's.
    await put(resource('mine', { server: 'linear' }, 'team-b'));
    await put(resource('of-file', {}, 'team-b'));
    await waitFor(
      async () =>
        String((await statusOf('mine', 'team-b'))['problem']).includes('linear is McpServer mcp/linear’s already'),
      { what: 'whose the name is' },
    );
    await waitFor(
      async () => String((await statusOf('of-file', 'team-b'))['problem']).includes('the configuration file’s'),
      { what: 'that it is the file’s' },
    );
    t.is(await inMesh(), 'docs 1, linear 2, of-file 1');
    const { stdout } = await promisify(execFile)('kubectl', [
      '--kubeconfig',
      kubeconfig,
      'get',
      'mcpservers',
      '-A',
      '--cache-dir',
      cluster.folder,
    ]);
    t.regex(stdout, /NAMESPACE +NAME +SERVER +READY +REPLICAS +SLOTS +PROBLEM +AGE/);
    t.regex(stdout, /mcp +linear +linear +False +0\/2 +2 /);
    t.regex(stdout, /team-b +mine +linear +False +0\/0 +0 +the server linear is McpServer mcp\/linear’s already/);

    // The owner goes: the name is free, and the next one has it.
    await cluster.request('DELETE', `${RESOURCES}/mcp/mcpservers/linear`);
    await cluster.request('DELETE', '/api/v1/namespaces/team-b/services/docs');
    await waitFor(async () => (await inMesh()) === 'linear 0, of-file 1', { what: 'the other namespace’s' });
    await waitFor(
      async () =>
        /there is no Service mine in the namespace team-b/.test(String((await statusOf('mine', 'team-b'))['problem'])),
      { what: 'why it has no replicas' },
    );
  },
);

testWith(
  need,
  isHere,
  'while the API server is away servers stay, and a control plane that starts tells nobody of fewer',
  async (t) => {
    t.timeout(180_000);
    await put(resource('stays', {}));
    await waitFor(async () => (await inMesh()).includes('stays'), { what: 'the server' });
    await cluster.apiServer.kill();
    t.regex(await inMesh(), /stays/);
    await controlPlane.process.kill();
    await controlPlane.process.start();
    const health = async (): Promise<string> => JSON.stringify(await getJson(`${controlPlane.adminUrl}/health`));
    await waitFor(async () => (await health()).includes('"cluster-servers"'), { what: 'the problem' });
    t.is(await inMesh(), '', 'not ready: the file’s servers alone would be fewer than there are');
    await cluster.apiServer.start();
    await waitFor(async () => (await inMesh()).includes('stays'), { what: 'the server again' });
  },
);
