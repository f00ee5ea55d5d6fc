import { connect as connectTcp } from 'node:net';
import { connect } from 'node:tls';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { text as textOf } from 'node:stream/consumers';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { parseJsonObject } from '../../proto/parse-json.ts';
import { renewCertificates } from '../certs/certificate-folder.ts';
import { kubernetesSchema, type InjectionConfig } from '../config/kubernetes-schema.ts';
import { startAdmissionServer } from './admission-server.ts';

const CONFIG = kubernetesSchema.parse({ injection: {} }).injection as InjectionConfig;

async function webhook(t: ExecutionContext, config: () => InjectionConfig = () => CONFIG) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-admission-'));
  const file = (name: string): string => join(folder, name);
  await renewCertificates([{ name: 'control-plane', altNames: ['127.0.0.1'] }], {
    folder,
    now: new Date(),
    days: 1,
    renewDays: 0,
  });
  const registry = new Registry(),
    errors: unknown[] = [];
  const server = await startAdmissionServer('127.0.0.1:0', {
    config,
    tls: { certificateFile: file('control-plane.crt'), keyFile: file('control-plane.key'), caFile: file('ca.crt') },
    registry,
    onError: (error) => errors.push(error),
  });
  t.teardown(async () => {
    await server.close();
    await rm(folder, { recursive: true });
  });
  const ca = await readFile(file('ca.crt'));
  const send = (
    body: string,
    { path = '/v1/admit', method = 'POST', type = 'application/json' } = {},
  ): Promise<{ status: number; body: Record<string, unknown> }> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': type, 'content-length': Buffer.byteLength(body) };
      const sent = request({ host: '127.0.0.1', port: server.port, path, method, ca, headers }, (answer) => {
        textOf(answer).then(
          (text) => resolve({ status: answer.statusCode ?? 0, body: parseJsonObject(text) ?? {} }),
          reject,
        );
      });
      sent.on('error', reject);
      sent.end(body);
    });
  const counted = async (result: string): Promise<number> => {
    const { values } = (await registry.getSingleMetric('holdfast_admission_requests_total')?.get()) ?? { values: [] };
    return values.find(({ labels }) => labels['result'] === result)?.value ?? 0;
  };
  return { send, counted, errors, ca, port: server.port };
}
const review = (object: unknown): string =>
  JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: { uid: 'u', kind: { group: '', version: 'v1', kind: 'Pod' }, operation: 'CREATE', object },
  });
const asking = (name = 'linear'): object => ({
  metadata: { annotations: { 'mesh.holdfast/inject': name } },
  spec: { containers: [{ name: 'server' }] },
});

test('a review over TLS is answered with a patch, and counted', async (t) => {
  const { send, counted, errors } = await webhook(t);
  const { status, body } = await send(review(asking()));
  t.is(status, 200);
  const { allowed, patch } = body['response'] as { allowed: boolean; patch: string };
  t.true(allowed);
  t.regex(Buffer.from(patch, 'base64').toString(), /holdfast-sidecar/);
  t.is(await counted('changed'), 1);
  t.deepEqual(errors, []);
});

test('hostile bodies get a clean answer each, and the next review is answered', async (t) => {
  const { send, counted, errors } = await webhook(t);
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  const bodies: Array<[body: string, status: number, options?: object]> = [
    ['', 400],
    ['{', 400],
    ['null', 400],
    ['"text"', 400],
    [deep, 400],
    [`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":${deep}}`, 400],
    ['{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","request":{"uid":"u"}}', 400],
    [
      review({
        metadata: { annotations: JSON.parse('{"__proto__":"x"}') as object },
        spec: { containers: [{ name: 'a' }] },
      }),
      200,
    ],
    ['{"a":1}', 415, { type: 'text/plain' }],
    ['{}', 404, { path: '/v1/other' }],
    ['{}', 404, { method: 'PUT' }],
  ];
  for (const [body, status, options] of bodies) t.is((await send(body, options)).status, status, body.slice(0, 80));
  t.true((await counted('malformed')) >= 6);
  const long = await send(review({ ...asking(), padding: 'x'.repeat(5 << 20) })).catch((error: Error) => error);
  // The server answers before it has read all; a client that goes on writing may see its connection end instead.
  if (!(long instanceof Error)) t.is(long.status, 413);
  t.is(await counted('too_large'), 1);
  t.is((await send(review(asking()))).status, 200);
  t.deepEqual(errors, []);
});

test('a bug of ours is an answer that says so; the log has it, and nothing else fails', async (t) => {
  let isBroken = true;
  const { send, errors } = await webhook(t, () => {
    if (isBroken) throw new Error('a bug');
    return CONFIG;
  });
  const { status, body } = await send(review(asking()));
  t.is(status, 200);
  t.like(body['response'], { allowed: false, status: { code: 500 } });
  t.is(errors.length, 1);
  isBroken = false;
  t.like((await send(review(asking()))).body['response'], { allowed: true });
});

test('half a request and half a TLS handshake hold up nobody', async (t) => {
  const { send, port, ca } = await webhook(t);
  const half = connect({ port, host: '127.0.0.1', ca });
  half.on('error', () => {});
  t.teardown(() => half.destroy());
  half.write('POST /v1/admit HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{');
  t.is((await send(review(asking()))).status, 200);
});

test('an object with more parts than any real one has is refused at once', async (t) => {
  const { send } = await webhook(t);
  const containers = Array.from({ length: 50_000 }, (_, at) => ({ name: `c${at}` }));
  const { status, body } = await send(review({ ...asking(), spec: { containers } }));
  t.is(status, 200);
  t.like(body['response'], { allowed: false, status: { code: 400 } });
});

test('connections of one address that say nothing leave places for others', async (t) => {
  const { send, port } = await webhook(t);
  let closed = 0;
  const idle = Array.from({ length: 600 }, () =>
    connectTcp({ port, host: '127.0.0.1', localAddress: '127.0.0.9' })
      .on('error', () => undefined)
      .on('close', () => closed++),
  );
  t.teardown(() => {
    for (const each of idle) each.destroy();
  });
  await waitFor(() => closed >= 600 - 128, { what: 'those beyond the share are closed' });
  t.is((await send(review(asking()))).status, 200);
});
