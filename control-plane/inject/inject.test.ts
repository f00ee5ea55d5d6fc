import test from 'ava';
import { parseAllDocuments } from 'yaml';
import { inject, uninject } from './inject.ts';
import { DEFAULTS } from './pod-parts.ts';
import type { Manifest, PodSpec } from './manifest.ts';

const documents = (text: string): Manifest[] => parseAllDocuments(text).map((document) => document.toJS() as Manifest);
const deployment = (more = '', pod = ''): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: linear, namespace: mcp}
spec:
  template:
    metadata: {labels: {app: linear}${more}}
    spec: {${pod}containers: [{name: server, image: "linear:1"}]}
`;
const service = (spec: string, namespace = 'mcp'): string => `
---
apiVersion: v1
kind: Service
metadata: {name: linear, namespace: ${namespace}}
spec: {selector: {app: linear}, ${spec}}
`;
const done = (text: string, more = {}) => inject(documents(text), { ...DEFAULTS, ...more });
const podOf = (manifest: Manifest | null | undefined): PodSpec => manifest?.spec?.template?.spec ?? { containers: [] };

test('the pair runs as native sidecars before everything else, and ends after the server, Envoy first', (t) => {
  const { manifests } = done(deployment('', 'initContainers: [{name: migrate, image: "m:1"}], '));
  const { initContainers = [], containers } = podOf(manifests[0]);
  t.deepEqual(
    initContainers.map(({ name, ...each }) => [name, each['restartPolicy']]),
    [
      ['holdfast-bootstrap', undefined],
      ['holdfast-sidecar', 'Always'],
      ['holdfast-envoy', 'Always'],
      ['migrate', undefined],
    ],
  );
  t.deepEqual(
    containers.map(({ name }) => name),
    ['server'],
  );
});

test('the server lives on while its calls finish, unless it has a hook of its own; the pod gets the time for it', (t) => {
  const plain = podOf(done(deployment()).manifests[0]);
  t.deepEqual(plain.containers[0]?.lifecycle, { preStop: { sleep: { seconds: 50 } } });
  t.is(plain.terminationGracePeriodSeconds, 60);
  const shorter = podOf(done(deployment(), { graceSeconds: 40, drainSeconds: 20 }).manifests[0]);
  t.deepEqual(shorter.containers[0]?.lifecycle, { preStop: { sleep: { seconds: 20 } } });
  t.is(shorter.terminationGracePeriodSeconds, 40);
  const own = documents(deployment());
  const pod = podOf(own[0]);
  pod.terminationGracePeriodSeconds = 300;
  pod.containers = [{ name: 'server', lifecycle: { preStop: { exec: { command: ['bye'] } }, postStart: {} } }];
  const kept = podOf(inject(own, DEFAULTS).manifests[0]);
  t.deepEqual(kept.containers, pod.containers);
  t.is(kept.terminationGracePeriodSeconds, 300);
});

test('pods get the label that NetworkPolicies know, and lose only what inject gave them', (t) => {
  const [before] = documents(deployment(', annotations: {mine: kept}'));
  const [after] = done(deployment(', annotations: {mine: kept}')).manifests;
  t.like(after?.spec?.template?.metadata, { labels: { app: 'linear', 'mesh.holdfast/member': 'true' } });
  t.deepEqual(uninject([after as Manifest]).manifests, [before ?? null]);
  const labelled = deployment().replace('app: linear', 'app: linear, mesh.holdfast/member: "true"');
  t.deepEqual(uninject([done(labelled).manifests[0] as Manifest]).manifests, documents(labelled));
});

test('a Service of the same namespace leads to Envoy; its twin has nothing that only the original may have', (t) => {
  const { manifests, added, notes } = done(
    deployment() +
      service(
        'type: LoadBalancer, clusterIP: 10.96.0.7, ports: [{name: mcp, port: 80, targetPort: 3000, nodePort: 30080}]',
      ),
  );
  t.deepEqual(manifests[1]?.spec?.ports, [{ name: 'mcp', port: 80, targetPort: 37373, nodePort: 30080 }]);
  t.deepEqual(added[0]?.spec, {
    clusterIP: 'None',
    publishNotReadyAddresses: true,
    selector: { app: 'linear' },
    ports: [{ name: 'mcp', port: 80, targetPort: 3000 }],
  });
  t.true(notes.some((note) => note.includes('linear-replicas')));
});

test('what inject leaves alone, it says, and why', (t) => {
  const note = (text: string, more = {}): string | undefined =>
    done(text, more).notes.find((each) => !each.includes('sidecar added'));
  t.is(
    note(deployment() + service('ports: [{port: 80}]', 'other')),
    'Service linear is left alone: its namespace (other) is not that of Deployment linear (mcp)',
  );
  t.regex(note(deployment() + service('clusterIP: None, ports: [{port: 80}]')) ?? '', /it is headless/);
  const two = service('ports: [{name: mcp, port: 80}, {name: metrics, port: 9000}]');
  t.regex(note(deployment() + two) ?? '', /2 ports \(mcp, metrics\).*--port/);
  t.regex(note(deployment() + two, { port: 'mcp' }) ?? '', /leads to Envoy/);
  t.regex(note(deployment() + two, { port: 'http' }) ?? '', /it has no TCP port http; it has mcp, metrics/);
  t.regex(note(deployment()) ?? '', /no Service here leads to it/);
  t.regex(note(deployment('', 'hostNetwork: true, ')) ?? '', /host’s network/);
  t.regex(
    note(deployment().replace('linear:1"', 'linear:1", ports: [{containerPort: 7901}]')) ?? '',
    /listens on 7901.*\(admin\)/,
  );
  t.regex(note(deployment().replace('name: server', 'name: holdfast-envoy')) ?? '', /rename it/);
  t.regex(note('{apiVersion: batch/v1, kind: Job, metadata: {name: once}, spec: {}}') ?? '', /^Job once is left alone/);
  t.regex(note(deployment().replace('apps/v1', 'example.com/v1')) ?? '', /not a kind that inject knows/);
});

test('inject says what the pods’ namespace needs', (t) => {
  const { notes } = done(deployment(), { redisCaSecret: 'redis-ca', certificateSecret: 'linear-tls' });
  t.is(
    notes.at(-1),
    'Namespace mcp needs the Secrets holdfast-redis (url), linear-tls (tls.crt, tls.key, ca.crt), redis-ca (ca.crt), and the labels mesh.holdfast/members=true, mesh.holdfast/servers=true: holdfast inject --help has the commands',
  );
  t.false(done(deployment('', 'hostNetwork: true, ')).notes.some((note) => note.startsWith('Namespace')));
});

test('twice is once, also with other options, and on what an API server gives back', (t) => {
  const text = deployment() + service('ports: [{port: 80, targetPort: mcp}]');
  const once = done(text);
  const objects = [...once.manifests, ...once.added].filter((each) => each !== null);
  const live = objects.map((each) => ({
    ...each,
    metadata: { ...each.metadata, uid: 'u', resourceVersion: '7' },
    status: {},
  }));
  const again = inject(live, DEFAULTS);
  t.deepEqual(again.manifests, live);
  t.deepEqual(again.added, []);
  const other = inject(live, { ...DEFAULTS, graceSeconds: 90, drainSeconds: 80 });
  t.is(podOf(other.manifests[0]).terminationGracePeriodSeconds, 90);
  t.deepEqual(podOf(other.manifests[0]).containers[0]?.lifecycle, { preStop: { sleep: { seconds: 80 } } });
  const { manifests, notes } = uninject(objects);
  t.deepEqual(manifests.slice(0, 2), documents(text));
  t.is(manifests[2], null);
  t.true(notes.some((note) => note.endsWith('kubectl -n mcp delete service linear-replicas')));
});

test('the Secret of Redis’s authority and the server’s name reach the pair', (t) => {
  const { initContainers = [], volumes = [] } = podOf(
    done(deployment(), { redisCaSecret: 'redis-ca', server: 'linear' }).manifests[0],
  );
  const [bootstrap, sidecar] = initContainers as unknown as [{ args: string[] }, { env: Array<{ name: string }> }];
  t.deepEqual(bootstrap.args.slice(-2), ['--server', 'linear']);
  t.deepEqual(
    sidecar.env.find(({ name }) => name === 'NODE_EXTRA_CA_CERTS'),
    { name: 'NODE_EXTRA_CA_CERTS', value: '/etc/holdfast-redis-ca/ca.crt' } as { name: string },
  );
  t.true(volumes.some(({ name }) => name === 'holdfast-redis-ca'));
});
