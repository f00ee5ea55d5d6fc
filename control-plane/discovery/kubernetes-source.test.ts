import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { kubeconfigText } from '../kubernetes/testing/kubeconfig.ts';
import type { KubernetesDiscovery } from '../config/backend-schema.ts';
import { Discovery } from './discovery.ts';
import { FakeWatchApi } from './testing/fake-watch-api.ts';
import { follow, until } from './testing/follow.ts';

const slice = (...endpoints: Array<[name: string, ip: string, conditions?: object]>) => ({
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 3000 }],
  endpoints: endpoints.map(([name, ip, conditions]) => ({
    addresses: [ip],
    conditions: conditions ?? { ready: true },
    targetRef: { name },
  })),
});

interface FakeCluster {
  api: FakeWatchApi;
  config: KubernetesDiscovery;
  /** Writes another token into the kubeconfig. */
  replaceToken(token: string): Promise<void>;
}

async function cluster(t: ExecutionContext): Promise<FakeCluster> {
  const api = await new FakeWatchApi().start();
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-kube-'));
  t.teardown(async () => {
    await api.stop();
    await rm(folder, { recursive: true, force: true });
  });
  const kubeconfig = join(folder, 'kubeconfig');
  const replaceToken = (token: string): Promise<void> => writeFile(kubeconfig, kubeconfigText(api.url, { token }));
  await replaceToken('first');
  return { api, config: { type: 'kubernetes', service: 'linear', namespace: 'mcp', kubeconfig }, replaceToken };
}

test('a token that the API server refuses is read again, so discovery goes on as soon as a new one is there', async (t) => {
  const { api, config, replaceToken } = await cluster(t);
  api.token = 'first';
  api.put('linear-1', slice(['pod-a', '10.1.0.1']));
  const { names, report } = follow(t, config);
  await until(() => names() === 'pod-a' && api.watches === 1);
  api.token = 'second';
  api.endWatches();
  await until(() => report().problem?.includes('HTTP 401') === true);
  t.is(names(), 'pod-a', 'what was known stays');
  await replaceToken('second');
  api.put('linear-2', slice(['pod-b', '10.1.0.2']));
  await until(() => names() === 'pod-a pod-b');
  t.is(report().problem, null);
});

test('ADDED, MODIFIED and DELETED slices change the replicas; a terminating pod is told from one that is gone', async (t) => {
  const { api, config } = await cluster(t);
  api.put('linear-1', slice(['pod-a', '10.1.0.1']));
  const { names } = follow(t, config);
  await until(() => names() === 'pod-a' && api.watches === 1);
  api.put('linear-2', slice(['pod-b', '10.1.0.2'], ['pod-c', '10.1.0.3', { ready: false }]));
  await until(() => names() === 'pod-a pod-b pod-c unready');
  api.put('linear-1', slice(['pod-a', '10.1.0.1', { ready: false, serving: true, terminating: true }]));
  await until(() => names() === 'pod-a terminating pod-b pod-c unready');
  api.put('another', slice(['pod-x', '10.1.0.9']), 'another');
  api.delete('linear-1');
  await until(() => names() === 'pod-b pod-c unready');
  t.true(
    api.requests.every((request) => request.startsWith('/apis/discovery.k8s.io/v1/namespaces/mcp/endpointslices?')),
  );
});

test('Services of one namespace share one watch, and the last one that goes ends it', async (t) => {
  const { api, config } = await cluster(t);
  const discovery = new Discovery({ onChange: () => {} });
  t.teardown(() => discovery.stop());
  const sources = Array.from({ length: 50 }, (_, n) => ({
    server: `s${n}`,
    backend: 'stable',
    discovery: { ...config, service: `service-${n}` },
  }));
  for (const [
    n,
    {
      discovery: { service },
    },
  ] of sources.entries())
    api.put(`slice-${n}`, slice([`pod-${n}`, `10.1.0.${n + 1}`]), service);
  discovery.watch(sources);
  const found = () => sources.map(({ server }) => discovery.current().get(`${server}/stable`)?.replicas?.[0]?.name);
  await until(() => found().every((name, n) => name === `pod-${n}`) && api.watches > 0);
  t.is(api.watches, 1);
  t.is(api.requests.filter((request) => !request.includes('watch=true')).length, 1);
  // Who comes later is told at once what is known already.
  discovery.watch([...sources, { server: 'late', backend: 'stable', discovery: { ...config, service: 'service-7' } }]);
  t.is(discovery.current().get('late/stable')?.replicas?.[0]?.name, 'pod-7');
  api.put('slice-3', slice(['pod-new', '10.1.1.1']), 'service-3');
  await until(() => found()[3] === 'pod-new');
  discovery.watch(sources.slice(0, 1));
  t.is(api.watches, 1);
  discovery.watch([]);
  await until(() => api.watches === 0);
});

test('a name that matches nothing is a problem, and holds up nobody', async (t) => {
  const { api, config } = await cluster(t);
  api.put('linear-1', slice(['pod-a', '10.1.0.1']));
  const { report, names } = follow(t, { ...config, service: 'linaer' });
  await until(() => report().problem !== null);
  t.deepEqual(report().replicas, [], 'it has answered: the mesh does not wait for it');
  t.regex(report().problem ?? '', /^Kubernetes mcp\/linaer: there is no Service linaer in the namespace mcp/);
  api.put('linaer-1', slice(['pod-b', '10.1.0.2']), 'linaer');
  await until(() => names() === 'pod-b' && report().problem === null);
  // A Service that is deleted and made again must not cost the sessions that its pods still have.
  api.delete('linaer-1');
  await until(() => report().problem !== null);
  t.is(names(), 'pod-b');
});

test('of a dual-stack Service one family is used, whichever slice comes first', async (t) => {
  const six = { ...slice(['pod-a', 'fd00::1'], ['pod-b', 'fd00::2']), addressType: 'IPv6' };
  const four = slice(['pod-a', '10.1.0.1'], ['pod-b', '10.1.0.2']);
  for (const [first, second] of [
    [six, four],
    [four, six],
  ] as const) {
    const { api, config } = await cluster(t);
    api.put('linear-aaaaa', first);
    api.put('linear-zzzzz', second);
    const whichever = follow(t, config),
      wantsSix = follow(t, { ...config, family: 'IPv6' });
    await until(() => whichever.report().replicas !== null && wantsSix.report().replicas !== null);
    const addresses = ({ report }: typeof whichever) => report().replicas?.map(({ address }) => address);
    t.deepEqual(addresses(whichever), ['10.1.0.1:3000', '10.1.0.2:3000']);
    t.deepEqual(addresses(wantsSix), ['[fd00::1]:3000', '[fd00::2]:3000']);
  }
});

test('the problem says who may not do what', async (t) => {
  const { api, config } = await cluster(t);
  api.failsWith = 403;
  api.failsBecause =
    'endpointslices.discovery.k8s.io is forbidden: User "system:serviceaccount:holdfast:holdfast-control-plane" cannot list resource "endpointslices"';
  const { report } = follow(t, config);
  await until(() => report().problem !== null);
  t.is(report().problem, `Kubernetes mcp/linear: the API server answered HTTP 403: ${api.failsBecause}`);
  api.failsWith = 401;
  await until(() => /does not accept our token/.test(report().problem ?? ''));
  await api.stop();
  await until(() => /ECONNREFUSED/.test(report().problem ?? ''));
});

test('a bookmark moves the version on, so that a new watch starts there', async (t) => {
  const { api, config } = await cluster(t);
  api.put('linear-1', slice(['pod-a', '10.1.0.1']));
  const { names } = follow(t, config);
  await until(() => names() === 'pod-a' && api.watches === 1);
  api.bookmark();
  await until(() => {
    api.endWatches();
    return api.requests.some((request) =>
      /resourceVersion=102.*watch=true|watch=true.*resourceVersion=102/.test(request),
    );
  });
  t.is(api.requests.filter((request) => !request.includes('watch=true')).length, 1, 'listed once');
});

for (const gonePlainly of [true, false]) {
  test(`410 Gone as ${gonePlainly ? 'a status' : 'an event'} means listing again, and is no problem`, async (t) => {
    const { api, config } = await cluster(t);
    api.gonePlainly = gonePlainly;
    api.put('linear-1', slice(['pod-a', '10.1.0.1']));
    const { names, report } = follow(t, config);
    await until(() => names() === 'pod-a' && api.watches === 1);
    api.compact(() => {
      api.put('linear-1', slice(['pod-b', '10.1.0.2']));
    });
    await until(() => names() === 'pod-b' && api.watches === 1);
    t.is(report().problem, null);
  });
}

test('an API server that fails keeps the replicas and is said; afterwards everything is listed anew', async (t) => {
  const { api, config } = await cluster(t);
  api.put('linear-1', slice(['pod-a', '10.1.0.1']));
  const { names, report } = follow(t, config);
  await until(() => names() === 'pod-a' && api.watches === 1);
  api.failsWith = 503;
  api.endWatches();
  await until(() => report().problem !== null);
  t.regex(report().problem!, /^Kubernetes mcp\/linear: .*503/);
  t.is(names(), 'pod-a');
  api.failsWith = null;
  api.put('linear-1', slice(['pod-b', '10.1.0.2']));
  await until(() => names() === 'pod-b' && report().problem === null);
});
