import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { kubeconfigText } from '../kubernetes/testing/kubeconfig.ts';
import { SAMPLE_CONFIG } from '../admin/testing/sample-context.ts';
import { injectPod } from '../inject/inject-pod.ts';
import { DEFAULTS } from '../inject/pod-parts.ts';
import { run as holdfast } from './testing/run-command.ts';

type Ran = Awaited<ReturnType<typeof holdfast>>;

/** `holdfast check --proxy` against an API server of which only the answers are there; `answer` gets path and query. */
async function check(
  t: ExecutionContext,
  answer: (url: URL) => { status?: number; body: object },
): Promise<{ folder: string; asked: string[]; run: (...args: string[]) => Promise<Ran> }> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-check-')),
    asked: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://a');
    asked.push(`${url.pathname}?${url.searchParams}`);
    const { status = 200, body } = answer(url);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  await writeConfig(join(folder, 'kubeconfig'), `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await writeConfig(join(folder, 'nobody'), 'http://127.0.0.1:2');
  const env = { PATH: process.env['PATH'], HOME: folder, KUBECONFIG: join(folder, 'kubeconfig') };
  return { folder, asked, run: (...args) => holdfast(['check', '--proxy', ...args], { cwd: folder, env }) };
}

const writeConfig = (path: string, server: string): Promise<void> => writeFile(path, kubeconfigText(server));

function pod(name: string, image: string = DEFAULTS.image): object {
  const { metadata, spec } = injectPod({ spec: { containers: [{ name: 'server' }] } }, { ...DEFAULTS, image });
  return {
    metadata: {
      name,
      namespace: 'mcp',
      labels: metadata?.labels,
      annotations: { ...metadata?.annotations, 'mesh.holdfast/inject': 'linear' },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'linear', uid: 'u', controller: true }],
    },
    spec,
  };
}
const list = (items: object[], more: object = {}): { body: object } => ({
  body: { apiVersion: 'v1', kind: 'PodList', metadata: more, items },
});

test('check --proxy names old pods, what they should have, and each command once; page by page', async (t) => {
  const old = 'holdfast/sidecar:0.0.9';
  const { run, asked } = await check(t, (url) =>
    url.searchParams.has('continue')
      ? list([pod('linear-2', old), { metadata: { name: 'gateway', namespace: 'mcp' } }])
      : list([pod('linear-0'), pod('linear-1', old)], { continue: 'more' }),
  );
  const ran = await run();
  t.is(
    ran.out,
    [
      'NAMESPACE  POD       HAS                     SHOULD HAVE',
      `mcp        linear-1  ${old}  ${DEFAULTS.image}`,
      `mcp        linear-2  ${old}  ${DEFAULTS.image}`,
      '',
      'To renew them:',
      '  kubectl -n mcp rollout restart statefulset linear\n',
    ].join('\n'),
  );
  t.is(ran.err, 'holdfast: 2 of 3 injected pod(s) are old\n');
  t.is(ran.code, 1);
  t.regex(
    asked.join(' '),
    /^\/api\/v1\/pods\?.*labelSelector=mesh\.holdfast%2Fmember%3Dtrue.* \/api\/v1\/pods\?.*continue=more/,
  );
  const { out, code } = await run('--json', '--namespace', 'mcp', 'team-b');
  t.is(code, 1);
  t.like(JSON.parse(out), {
    objectives: [{ goal: '0', measured: 4, met: false }],
    wanted: { sidecar: DEFAULTS.image, envoy: DEFAULTS.envoyImage },
    injected: 6,
  });
  t.true(['mcp', 'team-b'].every((name) => asked.some((path) => path.startsWith(`/api/v1/namespaces/${name}/pods?`))));
});

test('what pods should have is the options’, else the configuration’s, else this version’s', async (t) => {
  const { run, folder } = await check(t, () => list([pod('linear-0')]));
  t.deepEqual(await run(), {
    code: 0,
    out: `1 injected pod(s), all with ${DEFAULTS.image} and ${DEFAULTS.envoyImage}\n`,
    err: '',
  });
  const tls = { certificateFile: 'a.crt', keyFile: 'a.key', clientCaFile: 'ca.crt' };
  const kubernetes = { injection: { image: 'registry.example.com/sidecar:1' } };
  const file = join(folder, 'mesh.yaml');
  await writeFile(file, `${SAMPLE_CONFIG}\ncontrolPlane: ${JSON.stringify({ tls, kubernetes })}\n`);
  const wanted = async (...args: string[]): Promise<unknown> =>
    (JSON.parse((await run('--json', ...args)).out) as { wanted: unknown }).wanted;
  t.deepEqual(await wanted('--config', file), {
    sidecar: 'registry.example.com/sidecar:1',
    envoy: DEFAULTS.envoyImage,
  });
  t.deepEqual(await wanted('--config', file, '--image', 'a:1', '--envoy-image', 'b:2'), {
    sidecar: 'a:1',
    envoy: 'b:2',
  });
  await writeFile(file, 'servers: 1\n');
  const bad = await run('--config', file);
  t.is(bad.code, 64);
  t.regex(bad.err, /mesh\.yaml has \d+ problem\(s\), so the images it names are not known\n.*servers/);
});

test('check says why it could not look: no API server, no rights, no such context, nothing there', async (t) => {
  const said = 'pods is forbidden: User "me" cannot list resource "pods" in API group "" at the cluster scope';
  const { run, folder } = await check(t, ({ pathname }) =>
    pathname.includes('/none/')
      ? list([])
      : { status: pathname.includes('/expired/') ? 401 : 403, body: { kind: 'Status', message: said, code: 403 } },
  );
  for (const [code, message, ...args] of [
    [
      69,
      /the API server at http:\/\/127\.0\.0\.1:2 can’t be asked: .*ECONNREFUSED/,
      '--kubeconfig',
      join(folder, 'nobody'),
    ],
    [77, /HTTP 403: pods is forbidden: User "me" .*\. With fewer rights: --namespace NAME/],
    [77, /It takes the verb list on pods in mcp/, '-n', 'mcp'],
    [77, /HTTP 401: it does not accept our token or certificate/, '-n', 'expired'],
    [65, /there is no injected pod in none/, '-n', 'none'],
    [64, /--kubeconfig nowhere can’t be read: there is no such file/, '--kubeconfig', 'nowhere'],
    [64, /names no cluster for the context other/, '--context', 'other'],
    [64, /nowhere\.yaml can’t be read/, '--config', 'nowhere.yaml'],
  ] as Array<[number, RegExp, ...string[]]>) {
    const ran = await run(...args);
    t.regex(ran.err, message);
    t.deepEqual([ran.code, ran.out], [code, ''], String(message));
  }
  t.regex((await holdfast(['check'])).err, /required option '--proxy'/);
  const without = await holdfast(['check', '--proxy'], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder },
  });
  t.regex(without.err, /there is no kubeconfig: .*--kubeconfig/);
  t.is(without.code, 64);
});
