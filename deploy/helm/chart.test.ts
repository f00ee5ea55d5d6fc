import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { parse, parseAllDocuments } from 'yaml';
import type { Manifest } from '../../control-plane/inject/manifest.ts';
import { checkManifest } from '../kubernetes/check-manifest.ts';
import { missingPrograms, programPath } from '../test/e2e/kubernetes/binaries.ts';
import { hasProgram, testWith } from '../test/test-with.ts';

const run = promisify(execFile);
const at = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const hasHelm = (await missingPrograms(['helm'])).length === 0;
const need = 'helm in the cache: npm run e2e:kubernetes -- --build';
const documents = (text: string): Manifest[] =>
  parseAllDocuments(text).flatMap((each) => (each.toJS() as Manifest | null) ?? []);
const rendered = async (...args: string[]): Promise<Manifest[]> =>
  documents(
    (
      await run(programPath('helm'), [
        'template',
        'mesh',
        at('holdfast'),
        '--namespace',
        'holdfast',
        '--kube-version',
        '1.35.0',
        ...args,
      ])
    ).stdout,
  );

/** Objects by kind and name, without what only says in which namespace they are; a configuration by what it says. */
const byName = (manifests: readonly Manifest[]): Record<string, Manifest> =>
  Object.fromEntries(
    manifests
      .filter(({ kind }) => kind !== 'Namespace')
      .map(({ metadata: { namespace: _, ...metadata }, ...each }) => {
        const data = each['data'] as Record<string, string> | undefined;
        const read =
          data && Object.fromEntries(Object.entries(data).map(([key, text]) => [key, parse(text) as unknown]));
        return [`${each.kind} ${metadata.name}`, { ...each, metadata, ...(read && { data: read }) }];
      }),
  );

testWith(
  need,
  hasHelm && hasProgram('kubectl', 'kustomize', '--help'),
  'the chart as it is says the same as the kustomize base',
  async (t) => {
    const { stdout } = await run('kubectl', ['kustomize', at('../kubernetes/base')]);
    const base = byName(documents(stdout)),
      chart = byName(await rendered());
    t.deepEqual(Object.keys(chart).sort(), Object.keys(base).sort());
    for (const [name, manifest] of Object.entries(base)) t.deepEqual(chart[name], manifest, name);
  },
);

testWith(need, hasHelm, 'helm lint finds nothing, with no option and with all of them', async (t) => {
  for (const options of [[], ['--values', at('all-options.yaml')]]) {
    const { stdout } = await run(programPath('helm'), [
      'lint',
      '--strict',
      '--kube-version',
      '1.35.0',
      at('holdfast'),
      ...options,
    ]);
    t.regex(stdout, /1 chart\(s\) linted, 0 chart\(s\) failed/);
  }
});

testWith(need, hasHelm, 'every option reaches the objects', async (t) => {
  const all = await rendered('--values', at('all-options.yaml'));
  for (const manifest of all.filter(
    ({ kind }) => !['PrometheusRule', 'HorizontalPodAutoscaler', 'CustomResourceDefinition'].includes(kind),
  ))
    t.deepEqual(checkManifest(manifest), []);
  const text = JSON.stringify(all);
  // The user is the cluster's choice, every image comes from the mirror, and a drain is never cut.
  t.notRegex(text, /"(runAsUser|runAsGroup|fsGroup)"/);
  for (const [, image] of text.matchAll(/"image":"([^"]*)"/g))
    t.regex(image ?? '', /^registry\.example\.com\/mirror\//);
  t.regex(text, /holdfast\/sidecar@sha256:0{64}/);
  t.regex(text, /\$SECONDS -lt 100 /);
  t.notRegex(text, /0\.0\.0\.0/, 'nothing listens on IPv4 alone');
  t.is(text.match(/NODE_EXTRA_CA_CERTS/g)?.length, 3);
  const named = byName(all);
  t.like(named['Service holdfast-gateway']?.spec, {
    type: 'LoadBalancer',
    ipFamilyPolicy: 'PreferDualStack',
    ipFamilies: ['IPv4', 'IPv6'],
  });
  t.false('replicas' in (named['Deployment holdfast-gateway']?.spec ?? {}), 'the autoscaler decides');
  t.like(named['HorizontalPodAutoscaler holdfast-gateway']?.spec, { minReplicas: 2, maxReplicas: 9 });
  const rules = parse(readFileSync(at('../prometheus/holdfast.rules.yml'), 'utf8')) as object;
  t.deepEqual(named['PrometheusRule holdfast']?.spec, rules as never);
  const dashboards = all.filter(({ metadata: { labels } }) => labels?.['grafana_dashboard'] === '1');
  t.deepEqual(
    dashboards.flatMap(({ data }) => Object.values(data as Record<string, string>).map((text) => JSON.parse(text).uid)),
    ['holdfast-fleet', 'holdfast-rollout', 'holdfast-server', 'holdfast-sessions'],
  );
  for (const kind of ['Certificate holdfast-gateway', 'PodMonitor holdfast-gateway', 'NetworkPolicy holdfast-member'])
    t.truthy(named[kind], kind);
  const config = (named['ConfigMap holdfast-config']?.['data'] as Record<string, unknown> | undefined)?.[
    'holdfast.yaml'
  ];
  t.like(config, {
    controlPlane: {
      kubernetes: {
        injection: {
          envoyImage: 'registry.example.com/mirror/envoyproxy/envoy:v1.40.0',
          keepCaBundle: false,
          join: { address: 'holdfast-control-plane.holdfast:18002', redisCaFile: '/etc/redis-ca/ca.crt' },
        },
        servers: {},
      },
    },
  });
  t.regex(JSON.stringify(named['MutatingWebhookConfiguration holdfast-inject']), /"failurePolicy":"Ignore"/);
  t.truthy(named['ClusterRole holdfast-join']);
  t.regex(JSON.stringify(named['Deployment holdfast-control-plane']), /"secretName":"holdfast-mesh-authority"/);
  const linked = await rendered(
    ...['--set', 'monitoring.rules=true,monitoring.dashboards=true'],
    ...['--set', 'monitoring.consoleUrl=https://mesh.example.com/'],
  );
  const links = JSON.stringify(linked);
  t.regex(links, /https:\/\/mesh\.example\.com\/console#\/server\/\{\{ \$labels\.server_id \}\}/);
  t.notRegex(links, /http:\/\/127\.0\.0\.1:18001/);
  const withSecrets = byName(
    await rendered('--set', 'injection.enabled=true', '--set', 'injection.join.enabled=false'),
  );
  t.is(withSecrets['ClusterRole holdfast-join'], undefined);
  t.notRegex(JSON.stringify(withSecrets), /mesh-authority/, 'the authority’s key is nowhere where nobody joins');
  t.is(named['ClusterRole holdfast-injection'], undefined, 'cert-manager writes the caBundle');
  const crd = named['CustomResourceDefinition mcpservers.mesh.holdfast'];
  t.deepEqual(
    crd?.spec,
    parse(readFileSync(at('../kubernetes/components/mcp-servers/crd.yaml'), 'utf8')).spec as never,
  );
});

testWith(need, hasHelm, 'parts can be left out', async (t) => {
  const off = ['gateway', 'redis', 'backup', 'networkPolicy'].flatMap((part) => ['--set', `${part}.enabled=false`]);
  t.deepEqual(Object.keys(byName(await rendered(...off))).sort(), [
    'ClusterRole holdfast-control-plane',
    'ClusterRoleBinding holdfast-control-plane',
    'ConfigMap holdfast-config',
    'Deployment holdfast-control-plane',
    'PodDisruptionBudget holdfast-control-plane',
    'Service holdfast-control-plane',
    'ServiceAccount holdfast-control-plane',
  ]);
});

testWith(
  need,
  hasHelm,
  'a value that does not exist, of another kind, or that would cut calls is refused by name',
  async (t) => {
    for (const [set, why] of [
      ['gateway.replica=5', /additional properties 'replica' not allowed/],
      ['gateway.replicas=many', /got string, want integer/],
      ['gateway.service.type=Balancer', /\/gateway\/service\/type/],
      ['gateway.drainSeconds=55', /gateway\.drainSeconds: at most 10 less than gateway\.graceSeconds/],
      ['images.sidecar.digest=latest', /\/images\/sidecar\/digest/],
    ] as const)
      await t.throwsAsync(rendered('--set', set), { message: why }, set);
  },
);

test('the chart’s alerts are those of deploy/prometheus, and its dashboards those of deploy/grafana', (t) => {
  t.is(
    readFileSync(at('holdfast/files/holdfast.rules.yml'), 'utf8'),
    readFileSync(at('../prometheus/holdfast.rules.yml'), 'utf8'),
    'npm run fix writes it',
  );
  const dashboards = (folder: string): Record<string, string> =>
    Object.fromEntries(readdirSync(at(folder)).map((name) => [name, readFileSync(at(`${folder}/${name}`), 'utf8')]));
  t.deepEqual(dashboards('holdfast/files/dashboards'), dashboards('../grafana/dashboards'), 'npm run fix writes them');
});
