import test from 'ava';
import { connectClient } from '../clients/connect-client.ts';
import { postHeaders, rawExchange, rawRequest } from '../clients/raw-http.ts';
import type { RawAnswer } from '../clients/raw-http.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import type { Mesh } from '../mesh/start-mesh.ts';

let mesh: Mesh;
let port: number;
const SERVERS = ['guarded', 'plain'] as const;

test.before(async (t) => {
  t.timeout(120_000);
  const program = 'deploy/test/servers/linear/main.ts';
  mesh = await startMesh({
    gateways: 1,
    servers: { guarded: { replicas: 2, program }, plain: { replicas: 2, program, settings: { guard: [] } } },
  });
  port = Number(new URL(mesh.gateways[0]!.url).port);
});

// Whatever was sent: every process that was started still runs, and a client finds everything in order.
test.after.always('everything is unharmed afterwards', async (t) => {
  try {
    for (const process of mesh.processes()) t.true(process.isRunning, process.name);
    for (const server of SERVERS) {
      const client = await connectClient({ kind: 'v1', url: mesh.url(server) });
      t.is((await client.callTool('echo', { text: 'well' })).data.text, 'well');
      await client.terminate();
    }
  } finally {
    await mesh?.close();
  }
});

interface Case {
  title: string;
  request: (path: string) => string | (string | Uint8Array)[];
  statuses: number[] /** Expected id; undefined: whatever. */;
  id?: unknown;
  hasNoRpcError?: boolean;
}

const post = (
  path: string,
  body: string,
  more: readonly (readonly [string, string])[] = [],
  version?: string,
): string => rawRequest('POST', path, [...postHeaders(body), ...more], body, version);
const call = (id: unknown): string => JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/list' });

const CASES: Case[] = [
  { title: 'no body', request: (path) => post(path, ''), statuses: [400] },
  { title: 'broken JSON', request: (path) => post(path, '{"jsonrpc":'), statuses: [400] },
  { title: 'a body that is no JSON-RPC message', request: (path) => post(path, '"hello"'), statuses: [400] },
  {
    title: 'a body of 5 MB',
    request: (path) =>
      post(path, JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { x: 'x'.repeat(5 << 20) } })),
    statuses: [413],
  },
  { title: 'a batch without a session', request: (path) => post(path, `[${call(1)},${call(2)}]`), statuses: [400] },
  { title: 'an empty batch', request: (path) => post(path, '[]'), statuses: [400] },
  { title: 'a request without a session', request: (path) => post(path, call(5)), statuses: [400] },
  {
    title: 'a session id with an unknown slot',
    request: (path) => post(path, call(6), [['Mcp-Session-Id', 'zzz~nobody']]),
    statuses: [404],
  },
  {
    title: 'a session id of 8 KB',
    request: (path) => post(path, call(7), [['Mcp-Session-Id', `0~${'x'.repeat(8192)}`]]),
    statuses: [404, 431],
  },
  {
    title: 'a session id with control characters',
    request: (path) => post(path, call(8), [['Mcp-Session-Id', '0~a\u0001b']]),
    statuses: [400, 404],
    hasNoRpcError: true,
  },
  {
    title: 'a session id with a comma and an address in it',
    request: (path) => post(path, call(9), [['Mcp-Session-Id', '0~a,127.0.0.1:1']]),
    statuses: [404],
  },
  {
    title: 'two session ids',
    request: (path) =>
      post(path, call(10), [
        ['Mcp-Session-Id', '0~a'],
        ['Mcp-Session-Id', '1~b'],
      ]),
    statuses: [400, 404],
  },
  {
    title: 'an empty session id',
    request: (path) => post(path, call(11), [['Mcp-Session-Id', '']]),
    statuses: [400, 404],
  },
  {
    title: 'an unknown HTTP method',
    request: (path) => rawRequest('PUT', path, postHeaders('{}'), '{}'),
    statuses: [405, 404, 400],
  },
  {
    title: 'DELETE without a session',
    request: (path) => rawRequest('DELETE', path, [['Host', 'a']]),
    statuses: [400, 404, 405],
  },
  {
    title: 'a wrong content type',
    request: (path) =>
      rawRequest(
        'POST',
        path,
        [
          ['Host', 'a'],
          ['Content-Type', 'text/plain'],
          ['Content-Length', '2'],
        ],
        '{}',
      ),
    statuses: [400, 406, 415],
  },
  {
    title: 'HTTP/1.0',
    request: (path) => post(path, call(12), [], 'HTTP/1.0'),
    statuses: [400, 404, 406],
  },
  {
    title: 'no HTTP at all',
    request: () => '\u0016\u0003\u0001\u0002\u0000hello\r\n\r\n',
    statuses: [400, 0],
    hasNoRpcError: true,
  },
  {
    title: 'both Content-Length and chunked',
    request: (path) => rawRequest('POST', path, [...postHeaders('{}'), ['Transfer-Encoding', 'chunked']], '0\r\n\r\n'),
    statuses: [400],
    hasNoRpcError: true,
  },
];

for (const server of SERVERS) {
  for (const { title, request, statuses, id, hasNoRpcError = false } of CASES) {
    test(`${server}: ${title} is answered with ${statuses.filter(Boolean).join(' or ')}${hasNoRpcError ? '' : ' and a JSON-RPC error'}`, async (t) => {
      const answer = await rawExchange(port, request(`/mcp/${server}`), { timeoutMs: 10_000 });
      t.true(statuses.includes(answer.status), `${answer.status}: ${answer.text.slice(0, 500)}`);
      if (hasNoRpcError || answer.status === 431) return;
      const { code, gotId } = rpcErrorOf(answer);
      t.is(typeof code, 'number', answer.text.slice(0, 500));
      if (id !== undefined) t.is(gotId, id);
    });
  }

  test(`${server}: mesh headers of a client are not believed`, async (t) => {
    const client = await connectClient({
      kind: 'v1',
      url: mesh.url(server),
      headers: {
        'x-holdfast-session': 'forged',
        'x-holdfast-server': 'other',
        'x-holdfast-way': 'relay',
        'x-holdfast-forwarded': '1',
      },
    });
    t.teardown(() => client.close());
    const first = (await client.callTool('whoami')).data.replica;
    for (let i = 0; i < 4; i += 1) t.deepEqual((await client.callTool('whoami')).data.replica, first);
  });
}

test('a wrong path is answered with 404 and a JSON-RPC error', async (t) => {
  for (const path of ['/', '/mcp/nobody', '/mcp/guardedx', '/mcp/guarded/../../etc/passwd', '/%2e%2e/%2e%2e']) {
    const answer = await rawExchange(port, post(path, call(1)));
    t.true([404, 400].includes(answer.status), `${path}: ${answer.text.slice(0, 300)}`);
  }
  t.is(typeof rpcErrorOf(await rawExchange(port, post('/mcp/nobody', call(1)))).code, 'number');
});

function rpcErrorOf({ body }: RawAnswer): { code: unknown; gotId: unknown } {
  const text = body.startsWith('{') ? body : (/^data: (.+)$/m.exec(body)?.[1] ?? '{}');
  const { error, id } = JSON.parse(text) as { error?: { code?: unknown }; id?: unknown };
  return { code: error?.code, gotId: id };
}
