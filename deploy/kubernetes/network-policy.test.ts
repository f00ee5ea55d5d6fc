import { readFileSync } from 'node:fs';
import test from 'ava';
import { parseAllDocuments } from 'yaml';

interface Selector {
  matchLabels?: Record<string, string>;
  matchExpressions?: Array<{ key: string; operator: string; values: string[] }>;
}
interface Peer {
  namespaceSelector?: Selector;
  podSelector?: Selector;
}
interface Rule {
  ports?: Array<{ protocol: string; port: number }>;
  from?: Peer[];
  to?: Peer[];
}
interface Policy {
  metadata: { name: string };
  spec: { podSelector: Selector; policyTypes: string[]; ingress?: Rule[]; egress?: Rule[] };
}

const policies = parseAllDocuments(readFileSync(new URL('base/network-policy.yaml', import.meta.url), 'utf8')).map(
  (document) => document.toJS() as Policy,
);
const rules = policies.flatMap(({ metadata, spec }) => [
  ...(spec.ingress ?? []).map((rule) => ({ policy: metadata.name, way: 'in', peers: rule.from, ports: rule.ports })),
  ...(spec.egress ?? []).map((rule) => ({ policy: metadata.name, way: 'out', peers: rule.to, ports: rule.ports })),
]);
const numbers = (ports: Rule['ports'] = []): number[] => ports.map(({ port }) => port);

/** Labels of namespaces that only administrators of the cluster set: Kubernetes' own name, and the mesh's two. */
const OF_ADMINISTRATORS = ['kubernetes.io/metadata.name', 'mesh.holdfast/members', 'mesh.holdfast/servers'];

test('whatever is not allowed is denied, in both directions', (t) => {
  t.deepEqual(
    policies.filter(({ spec }) => Object.keys(spec.podSelector).length === 0).map(({ spec }) => spec),
    [{ podSelector: {}, policyTypes: ['Ingress', 'Egress'] }],
  );
  for (const { metadata, spec } of policies)
    t.deepEqual(
      spec.policyTypes,
      ['Ingress', 'Egress'].filter(
        (each) =>
          metadata.name === 'holdfast-nothing-else' || spec[each.toLowerCase() as 'ingress' | 'egress'] !== undefined,
      ),
      metadata.name,
    );
});

test('no pod of a namespace of which administrators said nothing can be meant', (t) => {
  for (const { policy, peers = [] } of rules)
    for (const { namespaceSelector, podSelector } of peers) {
      if (namespaceSelector === undefined) t.truthy(podSelector && Object.keys(podSelector).length, policy);
      else {
        const labels = Object.keys(namespaceSelector.matchLabels ?? {});
        t.true(labels.length > 0 && labels.every((label) => OF_ADMINISTRATORS.includes(label)), policy);
        t.is(namespaceSelector.matchExpressions, undefined, policy);
      }
      if (namespaceSelector?.matchLabels?.['mesh.holdfast/members'] !== undefined)
        t.deepEqual(podSelector, { matchLabels: { 'mesh.holdfast/member': 'true' } }, policy);
    }
});

test('open to everybody are the port of clients and the ports of the Kubernetes API, and nothing else', (t) => {
  t.deepEqual(
    rules
      .filter(({ peers }) => peers === undefined)
      .map(({ policy, way, ports }) => ({ policy, way, ports: numbers(ports) })),
    [
      { policy: 'holdfast-control-plane', way: 'out', ports: [443, 6443] },
      { policy: 'holdfast-gateway', way: 'in', ports: [37373] },
    ],
  );
});

test('every port may be spoken to and from alone by who needs it; only replicas have whatever port they like', (t) => {
  const of = (policy: string, way: string): number[][] =>
    rules.filter((rule) => rule.policy === policy && rule.way === way).map(({ ports }) => numbers(ports));
  t.deepEqual(of('holdfast-dns', 'out'), [[53, 53]]);
  t.deepEqual(of('holdfast-control-plane', 'in'), [[18000], [18001]]);
  t.deepEqual(of('holdfast-control-plane', 'out'), [[6379], [], [443, 6443]]);
  t.deepEqual(of('holdfast-gateway', 'in'), [[37373], [7902, 7903], [7901, 9902]]);
  t.deepEqual(of('holdfast-gateway', 'out'), [[7902, 7903], [18000], [6379], []]);
  t.deepEqual(of('holdfast-backup', 'out'), [[6379]]);
  t.deepEqual(of('holdfast-redis', 'in'), [[6379]]);
  t.deepEqual(of('holdfast-redis', 'out'), []);
  for (const { peers } of rules.filter(({ ports }) => ports === undefined))
    t.deepEqual(peers, [{ namespaceSelector: { matchLabels: { 'mesh.holdfast/servers': 'true' } } }]);
});
