import test from 'ava';
import { injectPod } from './inject-pod.ts';
import { isInjected, oldPod, type ListedPod } from './old-pair.ts';
import { DEFAULTS } from './pod-parts.ts';

const WANTED = { sidecar: DEFAULTS.image, envoy: DEFAULTS.envoyImage };

/** A pod with the pair of these images, as the webhook or (no `asked`) a file gave it. */
function listed(
  images: { image?: string; envoyImage?: string },
  more: ListedPod['metadata'] = {},
  { asked = true }: { asked?: boolean } = {},
): ListedPod {
  const { metadata, spec } = injectPod({ spec: { containers: [{ name: 'server' }] } }, { ...DEFAULTS, ...images });
  const annotations = { ...metadata?.annotations, ...(asked && { 'mesh.holdfast/inject': 'linear' }) };
  return { metadata: { name: 'linear-0', namespace: 'mcp', annotations, ...more }, spec, status: { phase: 'Running' } };
}
const owner = (kind: string, name: string, labels: Record<string, string> = {}): ListedPod['metadata'] => ({
  labels,
  ownerReferences: [{ kind, name, controller: true }],
});
const OLD = { image: 'holdfast/sidecar:0.0.9' };

test('a pod is old when one image of its pair is another than the wanted one', (t) => {
  t.is(oldPod(listed({}), WANTED), null);
  t.like(oldPod(listed(OLD), WANTED), {
    namespace: 'mcp',
    pod: 'linear-0',
    has: ['holdfast/sidecar:0.0.9'],
    shouldHave: [WANTED.sidecar],
  });
  t.like(oldPod(listed({ envoyImage: 'envoyproxy/envoy:v1.39.0' }), WANTED), {
    has: ['envoyproxy/envoy:v1.39.0'],
    shouldHave: [WANTED.envoy],
  });
  const { metadata, spec } = listed({});
  const initContainers = spec?.initContainers?.filter(({ name }) => name !== 'holdfast-envoy');
  t.like(oldPod({ metadata, spec: { containers: [], initContainers } }, WANTED), { has: ['no holdfast-envoy'] });
  t.like(oldPod({ metadata }, WANTED), {
    has: ['no holdfast-bootstrap', 'no holdfast-sidecar', 'no holdfast-envoy'],
    shouldHave: [WANTED.sidecar, WANTED.envoy],
  });
  // Injected by an earlier version, whose pair was among the pod's own containers.
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  t.is(oldPod({ metadata, spec: { containers } }, WANTED), null);
});

test('the command that renews a pod is its owner’s', (t) => {
  const hash = { 'pod-template-hash': '5d4f8c7b9' };
  for (const [metadata, renew] of [
    [owner('ReplicaSet', 'linear-5d4f8c7b9', hash), 'kubectl -n mcp rollout restart deployment linear'],
    [owner('StatefulSet', 'linear'), 'kubectl -n mcp rollout restart statefulset linear'],
    [owner('DaemonSet', 'linear'), 'kubectl -n mcp rollout restart daemonset linear'],
    [
      owner('ReplicaSet', 'linear-5d4f8c7b9', { 'rollouts-pod-template-hash': '5d4f8c7b9' }),
      'kubectl argo rollouts -n mcp restart linear',
    ],
    [owner('ReplicaSet', 'linear'), 'kubectl -n mcp delete pod linear-0'],
    [
      owner('ReplicaSet', '-5d4f8c7b9', hash),
      'pod linear-0 in mcp belongs to no controller: delete it, and make it again',
    ],
    [owner('ReplicationController', 'linear-3'), 'kubectl -n mcp delete pod linear-0'],
    [{}, 'pod linear-0 in mcp belongs to no controller: delete it, and make it again'],
    // Whoever may make pods writes this: it must not get into a command.
    [owner('StatefulSet', 'a; rm -rf ~'), 'pod linear-0 in mcp belongs to no controller: delete it, and make it again'],
  ] as const)
    t.is(oldPod(listed(OLD, metadata), WANTED)?.renew, renew, JSON.stringify(metadata));
});

test('a pair that came from a file is renewed there: a restart would bring the same images', (t) => {
  for (const [metadata, what] of [
    [owner('StatefulSet', 'linear'), 'statefulset linear'],
    [owner('ReplicaSet', 'linear'), 'ReplicaSet linear'],
    [{}, 'pod linear-0'],
  ] as const)
    t.is(
      oldPod(listed(OLD, metadata, { asked: false }), WANTED)?.renew,
      `run holdfast inject on the manifest of ${what} in mcp again, and apply it`,
    );
});

test('pods that never had the pair, that end, or that are over are not looked at', (t) => {
  const pod = listed({});
  t.true(isInjected(pod));
  t.false(isInjected({ ...pod, metadata: { name: 'plain' } }));
  t.false(isInjected({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: new Date() } }));
  for (const phase of ['Succeeded', 'Failed']) t.false(isInjected({ ...pod, status: { phase } }));
});
