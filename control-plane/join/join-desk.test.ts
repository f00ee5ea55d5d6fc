import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as inFolder } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { readCertificateNames } from '../../proto/identity/certificate-names.ts';
import { JOIN_AUDIENCE, provedText, type JoinAnswer } from '../../proto/join.ts';
import { renewCertificates } from '../certs/certificate-folder.ts';
import { kubernetesSchema, type InjectionConfig, type JoinConfig } from '../config/kubernetes-schema.ts';
import type { JoinApi } from './join-api.ts';
import { openJoinDesk, type JoinReply } from './join-desk.ts';
import type { ReviewedToken } from './judge-token.ts';

const ofPod = (pod: string, namespace = 'mcp'): ReviewedToken => ({
  authenticated: true,
  audiences: [JOIN_AUDIENCE],
  user: {
    username: `system:serviceaccount:${namespace}:default`,
    extra: { 'authentication.kubernetes.io/pod-name': [pod] },
  },
});
const LABELS: Record<string, Record<string, string>> = { mcp: { 'mesh.holdfast/members': 'true' }, other: {} };

/** A desk of a mesh of its own. `api`: what differs from an API server that knows the pod of every token. */
async function desk(
  t: ExecutionContext,
  api: Partial<JoinApi> = {},
  { apiServerMs, refusedMs = 0 }: { apiServerMs?: number; refusedMs?: number } = {},
) {
  const folder = await mkdtemp(inFolder(tmpdir(), 'holdfast-join-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = (name: string): string => inFolder(folder, name);
  const options = { folder, now: new Date(), days: 90, renewDays: 0 };
  await renewCertificates([{ name: 'control-plane', altNames: [] }], options);
  await writeFile(file('url'), 'redis://user:secret@redis:6379\n');
  const { injection } = kubernetesSchema.parse({
    injection: {
      join: { authority: { certificateFile: file('ca.crt'), keyFile: file('ca.key') }, redisUrlFile: file('url') },
    },
  });
  const registry = new Registry(),
    logged: unknown[] = [];
  const log = { info: (...said: unknown[]) => logged.push(said), warn: (...said: unknown[]) => logged.push(said) };
  let opens = 0;
  const opened = openJoinDesk({
    config: () => injection as InjectionConfig & { join: JoinConfig },
    certificateFile: file('control-plane.crt'),
    caFile: file('ca.crt'),
    registry,
    log: log as never,
    now: Date.now,
    ...(apiServerMs !== undefined && { apiServerMs }),
    refusedMs,
    open: async () => {
      opens += 1;
      return {
        review: async (token) => ofPod(token),
        labels: async (namespace) => LABELS[namespace] ?? {},
        ...api,
      };
    },
  });
  const counted = async (result: string): Promise<number> => {
    const { values } = (await registry.getSingleMetric('holdfast_joins_total')?.get()) ?? { values: [] };
    return values.find(({ labels }) => labels['result'] === result)?.value ?? 0;
  };
  return { ...opened, file, counted, logged, opens: () => opens };
}

const keys = (namedCurve = 'P-256') =>
  generateKeyPairSync('ec', {
    namedCurve,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
function requestOf(token: string, { publicKey, privateKey } = keys()) {
  const proof = sign('sha256', Buffer.from(provedText({ token, publicKey })), privateKey).toString('base64');
  return { token, publicKey, proof };
}
const messageOf = ({ body }: JoinReply): string => ('error' in body ? body.error.message : '');

test('a pod gets a certificate for its own key, which names it, its namespace and the mesh, and no host', async (t) => {
  const { answer, file, counted, logged } = await desk(t);
  const pair = keys();
  const { status, body } = await answer(requestOf('linear-0', pair), '10.0.0.1');
  t.is(status, 200);
  const { nodeId, certificate, authorities, redisUrl, redisAuthorities } = body as JoinAnswer;
  t.is(nodeId, 'mcp.linear-0');
  const read = new X509Certificate(certificate);
  t.true(read.verify(new X509Certificate(await readFile(file('ca.crt'))).publicKey));
  t.is(read.publicKey.export({ type: 'spki', format: 'pem' }), pair.publicKey);
  t.false(read.ca);
  t.deepEqual(readCertificateNames(read.subjectAltName), {
    mesh: { trustDomain: 'holdfast', role: 'gateway', id: 'mcp.linear-0', isGroup: false },
    hosts: [],
  });
  t.is(Math.round((read.validToDate.getTime() - Date.now()) / 86_400_000), 30);
  t.is(authorities, await readFile(file('ca.crt'), 'utf8'));
  t.is(redisUrl, 'redis://user:secret@redis:6379');
  t.is(redisAuthorities, null);
  t.is(await counted('joined'), 1);
  t.notRegex(JSON.stringify(logged), /secret|PRIVATE KEY/);
});

test('the API server is opened once for all pods, and again after it failed', async (t) => {
  let isAway = false;
  const { answer, opens } = await desk(t, {
    review: async (token) => {
      if (isAway) throw new Error('away');
      return ofPod(token);
    },
  });
  const joined = async (pod: string): Promise<number> => (await answer(requestOf(pod), '10.0.0.1')).status;
  t.deepEqual([await joined('linear-0'), await joined('linear-1'), opens()], [200, 200, 1]);
  isAway = true;
  t.deepEqual([await joined('linear-2'), opens()], [503, 1]);
  isAway = false;
  t.deepEqual([await joined('linear-2'), opens()], [200, 2]);
});

test('whoever is no pod of a namespace of members gets nothing, and the log says why', async (t) => {
  let reviewed: ReviewedToken = {};
  const { answer, counted } = await desk(t, { review: async () => reviewed });
  let asked = 0;
  const account = 'system:serviceaccount:mcp:default';
  const pod = { 'authentication.kubernetes.io/pod-name': ['linear-0'] };
  for (const [result, review] of [
    ['token', {}],
    ['token', { ...ofPod('linear-0'), authenticated: false }],
    ['audience', { ...ofPod('linear-0'), audiences: ['https://kubernetes.default.svc'] }],
    ['audience', { authenticated: true, user: { username: account, extra: pod } }],
    ['unbound', { authenticated: true, audiences: [JOIN_AUDIENCE], user: { username: account } }],
    ['unbound', { authenticated: true, audiences: [JOIN_AUDIENCE], user: { username: 'admin', extra: pod } }],
    ['unbound', ofPod('linear-0', 'mcp:x')],
    ['unbound', ofPod('a/pods')],
    ['unbound', ofPod('')],
  ] as Array<[string, ReviewedToken]>) {
    const before = await counted(result);
    reviewed = review;
    const reply = await answer(requestOf('t'), `10.0.1.${asked++}`);
    t.is(reply.status, 401, JSON.stringify(review));
    t.is(messageOf(reply), 'this token is not good for joining the mesh');
    t.is(await counted(result), before + 1, JSON.stringify(review));
  }
  reviewed = ofPod('linear-0', 'other');
  const reply = await answer(requestOf('t'), '10.0.0.1');
  t.is(reply.status, 403);
  t.is(messageOf(reply), 'the namespace other has no label mesh.holdfast/members=true');
});

test('what is no request, or not proved by its key, never reaches the API server', async (t) => {
  const { answer, counted } = await desk(t, { review: () => t.fail() as never });
  const good = requestOf('linear-0');
  const wrong: unknown[] = [
    undefined,
    null,
    [],
    {},
    { ...good, token: '' },
    { ...good, token: 'another' },
    { ...good, publicKey: keys().publicKey },
    { ...good, publicKey: 'PEM' },
    { ...good, proof: 'AAAA' },
    { ...good, token: 'x'.repeat(9000) },
    requestOf('linear-0', keys('P-384')),
  ];
  for (const body of wrong) t.is((await answer(body, '10.0.0.1')).status, 400, JSON.stringify(body)?.slice(0, 80));
  t.is(await counted('malformed'), wrong.length);
});

test('one address can’t take all places, and nobody more than there are', async (t) => {
  const waiting: Array<(value: ReviewedToken) => void> = [];
  const { answer, counted } = await desk(t, { review: () => new Promise((resolve) => waiting.push(resolve)) });
  const asked = Array.from({ length: 20 }, (_, index) => [
    answer(requestOf(`a-${index}`), `10.0.0.${index}`),
    answer(requestOf(`b-${index}`), `10.0.0.${index}`),
  ]).flat();
  const third = await answer(requestOf('c'), '10.0.0.1');
  t.is(third.status, 429);
  while (waiting.length < 16) await new Promise(setImmediate);
  for (const resolve of waiting) resolve(ofPod('linear-0'));
  const statuses = (await Promise.all(asked)).map(({ status }) => status);
  t.is(statuses.filter((status) => status === 200).length, 16);
  t.is(statuses.filter((status) => status === 429).length, 24);
  t.is(await counted('busy'), 25);
  const after = answer(requestOf('d'), '10.0.0.1');
  while (waiting.length < 17) await new Promise(setImmediate);
  waiting[16]?.(ofPod('linear-0'));
  t.is((await after).status, 200, 'places are free again');
});

test('an authority that can’t be used, or an API server that is away, is told to operators and not to pods', async (t) => {
  let isAway = true;
  const { answer, file, problem, counted } = await desk(t, {
    labels: async (namespace) => {
      if (isAway) throw new Error('connect ECONNREFUSED 10.96.0.1:443');
      return LABELS[namespace] ?? {};
    },
  });
  const failed = async (why: RegExp): Promise<void> => {
    const reply = await answer(requestOf('linear-0'), '10.0.0.1');
    t.is(reply.status, 503);
    t.notRegex(messageOf(reply), why);
    t.regex(problem() ?? '', why);
  };
  t.is(problem(), null);
  await failed(/ECONNREFUSED/);
  isAway = false;
  const own = await readFile(file('ca.key'), 'utf8');
  await writeFile(file('ca.key'), await readFile(file('control-plane.key')));
  await failed(/ca\.key is not the key of .*ca\.crt/);
  await rm(file('ca.key'));
  await failed(/ca\.key can’t be read: there is no such file/);
  await writeFile(file('ca.key'), own);
  t.is((await answer(requestOf('linear-0'), '10.0.0.1')).status, 200);
  t.is(problem(), null);
  t.is(await counted('failed'), 3);
});

test('an API server that never answers keeps nobody out for longer than it is waited for', async (t) => {
  let hangs = true;
  const hanging = { review: async () => (hangs ? new Promise<never>(() => {}) : ofPod('linear-0')) };
  const { answer, problem, counted } = await desk(t, hanging, { apiServerMs: 5 });
  const asked = Array.from({ length: 16 }, (_, at) => answer(requestOf('token'), `10.0.0.${at}`));
  t.deepEqual(new Set((await Promise.all(asked)).map(({ status }) => status)), new Set([503]));
  t.regex(problem() ?? '', /did not answer within/);
  t.is(await counted('failed'), 16);
  hangs = false;
  t.not((await answer(requestOf('token'), '10.0.0.1')).status, 429);
});

test('an address whose tokens are no good asks the API server twice, and again after a while; others are not kept waiting', async (t) => {
  let reviews = 0;
  const review = async (token: string): Promise<ReviewedToken> => {
    reviews += 1;
    return token === 'good' ? ofPod('linear-0') : {};
  };
  const { answer } = await desk(t, { review }, { refusedMs: 300_000 });
  const statuses = [];
  for (let count = 0; count < 50; count++) statuses.push((await answer(requestOf(`bad-${count}`), '10.0.0.1')).status);
  t.deepEqual([statuses.filter((status) => status === 401).length, reviews], [2, 2]);
  t.is(statuses.at(-1), 429);
  t.is((await answer(requestOf('good'), '10.0.0.2')).status, 200);
  t.is((await answer(requestOf('good'), '10.0.0.2')).status, 200);
  t.is((await answer(requestOf('good'), '10.0.0.2')).status, 200);
});
