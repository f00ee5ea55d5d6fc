import test from 'ava';
import { kubernetesSchema, type InjectionConfig } from '../config/kubernetes-schema.ts';
import { injectPod, uninjectPod } from '../inject/inject-pod.ts';
import type { Manifest, PodTemplate } from '../inject/manifest.ts';
import { DEFAULTS } from '../inject/pod-parts.ts';
import { admit } from './admit.ts';
import { readReview, reviewOf, type PatchOperation, type Verdict } from './admission-review.ts';

const CONFIG = kubernetesSchema.parse({ injection: {} }).injection as InjectionConfig;
const AUTHORITIES = '-----BEGIN CERTIFICATE-----\nmesh\n-----END CERTIFICATE-----\n';
const ask = (kind: string, object: unknown, operation = 'CREATE', config = CONFIG): Verdict =>
  admit({ uid: 'u', kind: { group: '', version: 'v1', kind }, operation, object }, config, AUTHORITIES);
const pod = (annotations: Record<string, string>, spec: object = {}): PodTemplate & { metadata: object } => ({
  metadata: { generateName: 'linear-', labels: { app: 'linear' }, annotations },
  spec: { containers: [{ name: 'server', image: 'linear:1', ports: [{ name: 'mcp', containerPort: 3000 }] }], ...spec },
});
const ASKED = { 'mesh.holdfast/inject': 'linear' };
/** Operations name a field of metadata or spec, or one of a mapping in it. */
function patched<T extends object>(object: T, operations: readonly PatchOperation[]): T {
  const copy = structuredClone(object) as Record<string, Record<string, unknown>>;
  for (const { op, path, value } of operations) {
    const [, field = '', name = '', ...more] = path.split('/').map((part) => part.replaceAll('~1', '/'));
    if (more.length > 0) throw new Error(path);
    const at = copy[field] ?? {};
    if (op === 'remove') delete at[name];
    else at[name] = value;
    copy[field] = at;
  }
  return copy as T;
}
const after = <T extends object>(object: T, verdict: Verdict): T =>
  verdict.kind === 'changed' ? patched(object, verdict.patch) : object;

test('a pod that asks for it gets what holdfast inject gives it, and uninject takes that back', (t) => {
  const before = pod(ASKED, { terminationGracePeriodSeconds: 30 });
  const result = after(before, ask('Pod', before));
  t.deepEqual(result, injectPod(before, { ...DEFAULTS, server: 'linear' }) as typeof before);
  t.deepEqual(uninjectPod(result), before);
  t.is(ask('Pod', result).kind, 'left', 'asked a second time');
  const other = ask('Pod', before, 'CREATE', {
    ...CONFIG,
    image: 'mirror/sidecar:2',
    graceSeconds: 90,
    drainSeconds: 30,
  });
  const text = JSON.stringify(other);
  t.regex(text, /mirror\/sidecar:2/);
  t.regex(text, /terminationGracePeriodSeconds","value":90/);
  t.regex(text, /"seconds":30/);
});

test('a pod that joins needs no Secret: it has a token for the mesh, the authorities to believe, and a name with its namespace', (t) => {
  const { injection } = kubernetesSchema.parse({ injection: { join: { redisCaFile: '/ca' } } });
  const before = pod(ASKED);
  const result = after(before, ask('Pod', before, 'CREATE', injection));
  const { initContainers = [], volumes = [] } = result.spec;
  t.deepEqual(
    initContainers.map(({ name }) => name),
    ['holdfast-join', 'holdfast-bootstrap', 'holdfast-sidecar', 'holdfast-envoy'],
  );
  const text = JSON.stringify(result);
  t.notRegex(text, /"secret":|secretKeyRef/);
  t.deepEqual(initContainers[0]?.['env'], [{ name: 'HOLDFAST_AUTHORITIES', value: AUTHORITIES }]);
  const token = volumes.find(({ name }) => name === 'holdfast-token');
  const serviceAccountToken = { audience: 'mesh.holdfast', expirationSeconds: 3600, path: 'token' };
  t.deepEqual(token?.['projected'], { sources: [{ serviceAccountToken }] });
  t.is(text.match(/\$\(POD_NAMESPACE\)\.\$\(POD_NAME\)/g)?.length, 2);
  t.regex(text, /"NODE_EXTRA_CA_CERTS","value":"\/etc\/holdfast-certs\/redis-ca\.crt"/);
  // Only who joins, and the sidecar, may see the token.
  const seeing = initContainers.filter((each) => JSON.stringify(each['volumeMounts']).includes('holdfast-token'));
  t.deepEqual(
    seeing.map(({ name }) => name),
    ['holdfast-join', 'holdfast-sidecar'],
  );
  t.deepEqual(uninjectPod(result), before);
});

test('with ipv6 nothing of the pair listens on IPv4 alone', (t) => {
  const { injection } = kubernetesSchema.parse({ injection: { ipv6: true } });
  const before = pod(ASKED);
  const text = JSON.stringify(after(before, ask('Pod', before, 'CREATE', injection)));
  t.notRegex(text, /0\.0\.0\.0/);
  for (const port of [37373, 7901, 7902, 7903, 9902]) t.true(text.includes(`"[::]:${port}"`), String(port));
});

test('a pod that does not ask, or asks for the opposite, is let through as it is; so are other kinds and operations', (t) => {
  for (const annotations of [{}, { 'mesh.holdfast/inject': 'disabled' }])
    t.deepEqual(ask('Pod', pod(annotations)), { kind: 'left' });
  t.deepEqual(ask('Pod', { metadata: {}, spec: { containers: [{ name: 'a' }] } }), { kind: 'left' });
  t.deepEqual(ask('Pod', pod(ASKED), 'UPDATE'), { kind: 'left' });
  t.deepEqual(ask('Secret', { metadata: {}, data: { a: 'b' } }), { kind: 'left' });
});

test('a pod that asks and can’t have it is refused with the reason and what to do', (t) => {
  const refused = (object: unknown, why: RegExp): void => {
    const verdict = ask('Pod', object);
    t.is(verdict.kind, 'refused');
    t.regex(verdict.kind === 'refused' ? verdict.message : '', why);
  };
  refused(pod(ASKED, { hostNetwork: true }), /hostNetwork.*Take the annotation mesh.holdfast\/inject away/);
  refused(pod({ 'mesh.holdfast/inject': 'Linear Server' }), /has to name a server of the mesh/);
  refused(pod({ 'mesh.holdfast/inject': '' }), /has to name a server of the mesh/);
  const port = pod(ASKED);
  port.spec.containers = [{ name: 'server', ports: [{ containerPort: 37373 }] }];
  refused(port, /listens on 37373/);
});

test('an object of another form is refused by the field that is wrong, and nothing is thrown', (t) => {
  const objects = [
    null,
    1,
    'x',
    [],
    {},
    { metadata: {} },
    { metadata: {}, spec: { containers: 'many' } },
    { metadata: { annotations: [] }, spec: {} },
  ];
  for (const object of objects) {
    t.is(ask('Pod', object).kind, 'refused', JSON.stringify(object));
    t.not(ask('Service', object).kind, 'changed', JSON.stringify(object));
  }
  const nulls = { metadata: { annotations: ASKED }, spec: { containers: [null] } };
  t.like(ask('Pod', nulls), { kind: 'refused', code: 400 });
});

const service = (more: object = {}, metadata: object = {}): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'linear', annotations: ASKED, ...metadata },
  spec: { selector: { app: 'linear' }, ports: [{ name: 'mcp', port: 80, targetPort: 3000 }], ...more },
});

test('a Service that asks leads to Envoy and says where the replicas are; again changes nothing', (t) => {
  const before = service();
  const once = after(before, ask('Service', before));
  t.like(once.metadata, { labels: { 'mesh.holdfast/replica-port': '3000' } });
  t.deepEqual(once.spec?.ports, [{ name: 'mcp', port: 80, targetPort: 37373 }]);
  t.deepEqual(ask('Service', once, 'UPDATE'), { kind: 'left' });
  const { 'mesh.holdfast/inject': _, ...others } = once.metadata.annotations ?? {};
  const released = { ...once, metadata: { ...once.metadata, annotations: others } };
  t.deepEqual(after(released, ask('Service', released, 'UPDATE')), {
    ...before,
    metadata: { name: 'linear' },
  });
});

test('who applies his manifest again is believed: what was noted of a port does not win over what he says now', (t) => {
  const once = after(service(), ask('Service', service()));
  const applied = { ...once, spec: { ...once.spec, ports: [{ name: 'mcp', port: 80, targetPort: 4000 }] } };
  const again = after(applied, ask('Service', applied, 'UPDATE'));
  t.like(again.metadata, { labels: { 'mesh.holdfast/replica-port': '4000' } });
  t.deepEqual(again.spec?.ports, [{ name: 'mcp', port: 80, targetPort: 37373 }]);
});

test('a Service of which the port of the replicas can’t be told is left alone, with a warning that says what to write', (t) => {
  const warns = (object: Manifest, why: RegExp): void => {
    const verdict = ask('Service', object);
    t.is(verdict.kind, 'left');
    t.regex(verdict.kind === 'left' ? (verdict.warning ?? '') : '', why);
  };
  const named = { ports: [{ port: 80, targetPort: 'mcp' }] };
  warns(service(named), /targetPort mcp is a name.*annotation mesh.holdfast\/replica-port/);
  warns(service({ clusterIP: 'None' }), /headless/);
  const two = {
    ports: [
      { name: 'mcp', port: 80, targetPort: 3000 },
      { name: 'web', port: 81, targetPort: 3001 },
    ],
  };
  warns(service(two), /name it in the annotation mesh.holdfast\/port/);
  const said = (annotations: object, spec: object): Manifest =>
    service(spec, { annotations: { ...ASKED, ...annotations } });
  t.is(ask('Service', said({ 'mesh.holdfast/replica-port': '3000' }, named)).kind, 'changed');
  const chosen = said({ 'mesh.holdfast/port': 'mcp' }, two);
  t.deepEqual(
    after(chosen, ask('Service', chosen)).spec?.ports?.map(({ targetPort }) => targetPort),
    [37373, 3001],
  );
  warns(said({ 'mesh.holdfast/port': 'grpc' }, two), /no TCP port grpc; it has mcp, web/);
});

test('a Service without the annotation is not touched, nor one that holdfast inject changed', (t) => {
  t.deepEqual(ask('Service', service({}, { annotations: {} })), { kind: 'left' });
  const byFile = service({}, { annotations: { 'mesh.holdfast/former-ports': '[3000]' } });
  t.deepEqual(ask('Service', byFile, 'UPDATE'), { kind: 'left' });
});

test('a review is read only when it is one, and answered in the API’s form', (t) => {
  const request = { uid: 'u1', kind: { group: '', version: 'v1', kind: 'Pod' }, operation: 'CREATE', object: {} };
  const review = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request };
  t.like(readReview(review), { uid: 'u1' });
  for (const bad of [null, [], {}, { ...review, kind: 'Pod' }, { ...review, request: { ...request, uid: '' } }])
    t.is(readReview(bad), undefined);
  t.deepEqual(reviewOf('u1', { kind: 'left' }), {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid: 'u1', allowed: true },
  });
  t.like(reviewOf('u1', { kind: 'refused', code: 422, message: 'no' }), {
    response: { allowed: false, status: { code: 422, message: 'no' } },
  });
});
