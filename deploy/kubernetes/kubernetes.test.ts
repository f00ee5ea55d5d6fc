import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { parseAllDocuments } from 'yaml';
import { inject } from '../../control-plane/inject/inject.ts';
import type { Manifest, PodSpec } from '../../control-plane/inject/manifest.ts';
import { DEFAULTS } from '../../control-plane/inject/pod-parts.ts';
import { parseConfig } from '../../control-plane/config/parse-config.ts';
import { readSettings } from '../../sidecar/settings/read-settings.ts';
import { hasProgram, testWith } from '../test/test-with.ts';
import { checkManifest } from './check-manifest.ts';
import { generatedManifests } from './generated-manifests.ts';

const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
const documents = (text: string): Manifest[] => parseAllDocuments(text).map((document) => document.toJS() as Manifest);
const BASE = readdirSync(new URL('base', import.meta.url)).filter(
  (name) => name.endsWith('.yaml') && !['kustomization.yaml', 'holdfast.yaml'].includes(name),
);
const base = (): Manifest[] => BASE.flatMap((name) => documents(read(`base/${name}`)));
const podsOf = (manifests: readonly Manifest[]): Array<{ name: string; spec: PodSpec }> =>
  manifests.flatMap(({ kind, metadata, spec }) => {
    const template =
      spec?.template ??
      (spec as { jobTemplate?: { spec: { template: { spec: PodSpec } } } } | undefined)?.jobTemplate?.spec.template;
    return template ? [{ name: `${kind} ${metadata.name}`, spec: template.spec }] : [];
  });

const injected = (objects: readonly Manifest[]): Manifest[] => {
  const { manifests, added } = inject(objects, DEFAULTS);
  return [...manifests.filter((each) => each !== null), ...added];
};

const SERVER = documents(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: linear-server, namespace: mcp}
spec:
  replicas: 2
  selector: {matchLabels: {app: linear-server}}
  template:
    metadata: {labels: {app: linear-server}, annotations: {mine: kept}}
    spec:
      containers: [{name: server, image: "linear:1", ports: [{name: mcp, containerPort: 3000}]}]
      volumes: [{name: mine, emptyDir: {}}]
---
apiVersion: v1
kind: Service
metadata: {name: linear-server, namespace: mcp}
spec: {selector: {app: linear-server}, ports: [{name: mcp, port: 80, targetPort: mcp}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: other, namespace: mcp}
data: {some: thing}
`);

test('every manifest has only fields that Kubernetes’ published types know', (t) => {
  for (const manifest of base()) t.deepEqual(checkManifest(manifest), []);
  t.deepEqual(
    checkManifest({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'x' },
      spec: { replica: 1, template: { spec: { containers: [{ name: 'a', ports: [{ containerPort: '80' }] }] } } },
    }),
    [
      'Deployment x.spec.replica: no such field',
      'Deployment x.spec.template.spec.containers[0].ports[0].containerPort: expected a number, not "80"',
    ],
  );
  const [problem] = checkManifest({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'x' },
    spec: { template: { spec: { restartPolicy: 'Sometimes', containers: [{ image: 'a' }] } } },
  });
  t.regex(problem ?? '', /must have required property selector/);
  t.regex(problem ?? '', /must have required property name/);
});

test('the monitors have only fields that the Prometheus operator knows, and ask for ports that the pods and the service have', (t) => {
  const monitors = documents(read('components/monitoring/monitors.yaml')) as Array<
    Manifest & {
      spec: {
        selector: { matchLabels: Record<string, string> };
        endpoints?: Array<{ port: string }>;
        podMetricsEndpoints?: Array<{ port: string }>;
      };
    }
  >;
  t.deepEqual(
    monitors.map(({ kind }) => kind),
    ['PodMonitor', 'ServiceMonitor'],
  );
  for (const manifest of monitors) t.deepEqual(checkManifest(manifest), []);
  const [pods, service] = monitors;
  t.deepEqual(
    checkManifest({ ...pods, spec: { ...pods!.spec, podMetricsEndpoint: [], podMetricsEndpoints: [{ port: 9902 }] } }),
    [
      'PodMonitor holdfast-gateway.spec.podMetricsEndpoints[0].port: expected a string, not 9902',
      'PodMonitor holdfast-gateway.spec.podMetricsEndpoint: no such field',
    ],
  );
  const has = (labels: Record<string, string> | null | undefined, wanted: Record<string, string>): boolean =>
    Object.entries(wanted).every(([key, value]) => labels?.[key] === value);
  const gateway = base().find(
    ({ kind, spec }) => kind === 'Deployment' && has(spec?.template?.metadata?.labels, pods!.spec.selector.matchLabels),
  )!;
  const ports = gateway
    .spec!.template!.spec.containers.concat(gateway.spec!.template!.spec.initContainers ?? [])
    .flatMap((container) => ((container.ports as Array<{ name?: string }> | undefined) ?? []).map(({ name }) => name));
  for (const { port } of pods!.spec.podMetricsEndpoints!) t.true(ports.includes(port), port);
  const services = base().filter(
    ({ kind, metadata }) => kind === 'Service' && has(metadata.labels, service!.spec.selector.matchLabels),
  );
  t.is(services.length, 1);
  for (const { port } of service!.spec.endpoints!)
    t.true(
      (services[0]!.spec as { ports?: Array<{ name: string }> }).ports!.some(({ name }) => name === port),
      port,
    );
});

test('the kustomizations name files that are there, and all of them', (t) => {
  const { resources } = parseAllDocuments(read('base/kustomization.yaml'))[0]!.toJS() as { resources: string[] };
  t.deepEqual([...resources].sort(), [...BASE].sort());
  for (const [name, text] of Object.entries(generatedManifests()))
    t.true(text === read(name), `${name}: written by node deploy/kubernetes/write.ts`);
});

testWith(
  'kubectl',
  hasProgram('kubectl', 'kustomize', '--help'),
  'kustomize adds certificates of cert-manager, monitors and alerts, and the webhook to an overlay that names their components',
  async (t) => {
    const here = await realpath(fileURLToPath(new URL('.', import.meta.url)));
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-kustomize-')));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const components = ['cert-manager', 'monitoring', 'injection', 'join', 'mcp-servers'].map((name) =>
      relative(folder, join(here, 'components', name)),
    );
    await writeFile(
      join(folder, 'kustomization.yaml'),
      `resources: [${relative(folder, join(here, 'base'))}]\ncomponents: [${components.join(', ')}]\n`,
    );
    const { stdout } = await promisify(execFile)('kubectl', ['kustomize', folder]);
    const built = documents(stdout);
    // The API server itself judges a definition (e2e:kubernetes).
    for (const manifest of built.filter(({ kind }) => kind !== 'CustomResourceDefinition'))
      t.deepEqual(checkManifest(manifest), []);
    t.is(built.filter(({ kind }) => kind === 'Certificate').length, 3);
    for (const wanted of [
      'Deployment',
      'PodMonitor',
      'ServiceMonitor',
      'PrometheusRule',
      'MutatingWebhookConfiguration',
    ])
      t.true(
        built.some(({ kind }) => kind === wanted),
        wanted,
      );
  },
);

testWith('kubectl', hasProgram('kubectl', 'kustomize', '--help'), 'kustomize builds every overlay', async (t) => {
  const kubectl = promisify(execFile);
  for (const overlay of ['base', 'overlays/production', 'overlays/inject', 'overlays/redis-tls']) {
    const { stdout } = await kubectl('kubectl', ['kustomize', fileURLToPath(new URL(overlay, import.meta.url))]);
    const built = documents(stdout);
    for (const manifest of built) t.deepEqual(checkManifest(manifest), [], overlay);
    // Kinds of operators are in components: a plain cluster takes every overlay.
    t.deepEqual(
      built.filter(({ apiVersion }) => /monitoring\.coreos|cert-manager/.test(apiVersion)),
      [],
    );
    t.is(
      built.some(({ metadata, kind }) => kind === 'Deployment' && metadata.name === 'holdfast-gateway'),
      overlay !== 'overlays/inject',
    );
    // Whoever is told where Redis is trusts its authority too.
    const trusting = podsOf(built)
      .flatMap(({ spec }) => spec.containers as Array<{ env?: Array<{ name: string }> }>)
      .map(({ env = [] }) => env.map(({ name }) => name))
      .filter((names) => names.includes('SESSION_STORE_URL'));
    t.is(trusting.length, overlay === 'overlays/inject' ? 2 : 3);
    for (const names of trusting) t.is(names.includes('NODE_EXTRA_CA_CERTS'), overlay === 'overlays/redis-tls');
  }
});

test('no container runs as root, can write to its image, gain privileges or take memory without end', (t) => {
  for (const { name, spec } of podsOf([...base(), ...injected(SERVER)])) {
    for (const container of [...spec.containers, ...(spec.initContainers ?? [])].filter(
      (each) => each.name !== 'server',
    )) {
      const { securityContext, resources, image } = container as unknown as {
        securityContext: Record<string, unknown>;
        resources: { limits: { memory: string } };
        image: string;
      };
      t.like(
        securityContext,
        {
          runAsNonRoot: true,
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
        },
        name,
      );
      t.truthy(resources.limits.memory, name);
      t.regex(image, /:[\w.-]+$/, `${name} has a pinned tag`);
      t.notRegex(image, /:latest$/);
    }
  }
});

test('injected manifests have only fields that Kubernetes’ published types know', (t) => {
  for (const manifest of injected(SERVER)) t.deepEqual(checkManifest(manifest), []);
});

test('the commands in the manifests are understood by the programs that they start', (t) => {
  const sidecar = podsOf(base())
    .find(({ name }) => name.includes('gateway'))!
    .spec.containers.find(({ name }) => name === 'holdfast-sidecar')!;
  const settings = readSettings(
    (sidecar['args'] as string[]).map((each) =>
      each.replace('$(POD_NAME)', 'gateway-x').replace('$(POD_IP)', '10.0.0.7'),
    ),
    { SESSION_STORE: 'redis', SESSION_STORE_URL: 'redis://x:6379' },
    () => '',
  );
  t.is(settings.kind, 'ok', JSON.stringify(settings));
  const config = parseConfig(read('base/holdfast.yaml'), {});
  t.is(config.kind, 'ok', JSON.stringify(config));
});
