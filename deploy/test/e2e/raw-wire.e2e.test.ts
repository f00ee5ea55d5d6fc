import { createHash } from 'node:crypto';
import test from 'ava';
import { MODERN_VERSION, modernMeta } from '../clients/modern-request.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import { FILL } from '../servers/raw/write-wire.ts';

let mesh: Mesh;
/** The relay holds calls; Envoy alone has sessions; Envoy alone has everything. */
const GUARDS = { guarded: {}, plain: { guard: [] }, free: { guard: [], affinity: { calls: 'free' } } };
const WAYS = Object.keys(GUARDS);

test.before(async (t) => {
  t.timeout(120_000);
  const servers = Object.entries(GUARDS).flatMap(
    ([name, settings]) =>
      [
        [`raw-${name}`, { replicas: 2, program: 'deploy/test/servers/raw/main.ts', settings }],
        [
          `sdk-${name}`,
          { replicas: 2, program: 'deploy/test/servers/fixture/main.ts', args: ['--sdk', 'v2'], settings },
        ],
      ] as const,
  );
  mesh = await startMesh({ gateways: 1, servers: Object.fromEntries(servers) });
});
test.after.always(() => mesh?.close());

const HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
const MODERN = { ...HEADERS, 'mcp-protocol-version': MODERN_VERSION, 'mcp-method': 'tools/call', 'mcp-name': 'wire' };
const call = (id: number, args: unknown): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name: 'wire', arguments: args, _meta: modernMeta() },
  });

/** The answer's bytes, without the comments with which a mesh keeps idle streams open. */
async function bytesOf(url: string, headers: Record<string, string>, body: string): Promise<Buffer> {
  const answer = await fetch(url, { method: 'POST', headers, body });
  return Buffer.from(await answer.arrayBuffer());
}

/** All line ends, fields in any order, several data lines, comments, an id, characters of two to four bytes. */
const STREAM = [
  ': hello\n\n',
  'event: message\r\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"äß€𝄞"}}\r\n\r\n',
  'retry: 10\rid: 7\rdata: {"jsonrpc":"2.0",\rdata:"method":"notifications/progress","params":{}}\r\r',
  'data\n\n',
  'data: {"jsonrpc":"2.0","id":1,"result":{"text":"𝄞"}}\nunknown: field\n\n',
].join('');

/**
 * A CRLF whose halves come apart may lose its LF. The line has ended with the CR, and waiting for the rest would hold
 * the event up.
 */
const inLf = (text: string): string => text.replaceAll(/\r\n?/g, '\n');

for (const way of WAYS) {
  for (const era of ['modern', 'legacy'] as const) {
    const headersOf = async (): Promise<Record<string, string>> => {
      if (era === 'modern') return MODERN;
      const begun = await fetch(mesh.url(`raw-${way}`), {
        method: 'POST',
        headers: HEADERS,
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 0,
          method: 'initialize',
          params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
        }),
      });
      await begun.text();
      return { ...HEADERS, 'mcp-session-id': begun.headers.get('mcp-session-id')! };
    };

    test(`${way}, ${era}: an event stream comes with every byte but line ends as it was, wherever it is cut`, async (t) => {
      t.timeout(60_000);
      const headers = await headersOf(),
        url = mesh.url(`raw-${way}`);
      const everyByte = Array.from(Buffer.from(STREAM), (_byte, index) => index);
      for (const cuts of [[], everyByte, ...everyByte.map((at) => [at])]) {
        const got = (await bytesOf(url, headers, call(1, { text: STREAM, cuts }))).toString();
        if (inLf(got) !== inLf(STREAM))
          return t.is(got, STREAM, `cut into ${cuts.length + 1} pieces, first at ${cuts[0]}`);
        if (cuts.length === 0) t.is(got, STREAM);
      }
      t.pass();
    });

    test(`${way}, ${era}: an event of 10 MB comes whole, with what follows it`, async (t) => {
      t.timeout(60_000);
      const text = `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"${FILL}"}}\n\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n`,
        fillBytes = 10 << 20;
      const got = await bytesOf(mesh.url(`raw-${way}`), await headersOf(), call(1, { text, fillBytes }));
      const digest = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');
      t.is(digest(got), digest(text.replace(FILL, 'x'.repeat(fillBytes))), `${got.length} bytes`);
    });
  }
}

interface Odd {
  title: string;
  headers?: Record<string, string | null>;
  method?: string;
  params?: Record<string, unknown>;
  meta?: Record<string, unknown> | null;
  body?: unknown;
  httpMethod?: string;
}
const sentinel = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`;
const version = (claimed: string): Record<string, unknown> => ({
  ...modernMeta(),
  'io.modelcontextprotocol/protocolVersion': claimed,
});

const ODDS: Odd[] = [
  { title: 'all in order' },
  { title: 'a method in the header that is not the body’s', headers: { 'mcp-method': 'tools/list' } },
  {
    title: 'a method in the body that is not the header’s',
    method: 'tools/list',
    params: {},
    headers: { 'mcp-method': 'tools/call' },
  },
  { title: 'a task’s method in the header alone', headers: { 'mcp-method': 'tasks/get' } },
  { title: 'a name in the header that is not the body’s', headers: { 'mcp-name': 'whoami' } },
  { title: 'no name in the header', headers: { 'mcp-name': null } },
  { title: 'no method in the header', headers: { 'mcp-method': null } },
  { title: 'no version in the header', headers: { 'mcp-protocol-version': null } },
  { title: 'a version in the header that is not the body’s', headers: { 'mcp-protocol-version': '2025-11-25' } },
  { title: 'no claim in the body', meta: null },
  {
    title: 'an unknown later revision',
    headers: { 'mcp-protocol-version': '2099-01-01' },
    meta: version('2099-01-01'),
  },
  {
    title: 'an unknown early revision',
    headers: { 'mcp-protocol-version': '1999-01-01' },
    meta: version('1999-01-01'),
  },
  { title: 'a revision that is no date', headers: { 'mcp-protocol-version': 'soon' }, meta: version('soon') },
  { title: 'a name as a base64 sentinel', headers: { 'mcp-name': sentinel('test_simple_text') } },
  { title: 'another name as a base64 sentinel', headers: { 'mcp-name': sentinel('whoami') } },
  { title: 'a base64 sentinel that is no base64', headers: { 'mcp-name': '=?base64?%%%?=' } },
  {
    title: 'a resource whose name needs a sentinel',
    method: 'resources/read',
    params: { uri: 'test://template/ü/data' },
    headers: { 'mcp-method': 'resources/read', 'mcp-name': sentinel('test://template/ü/data') },
  },
  { title: 'a header for a parameter that nobody knows', headers: { 'mcp-param-unknown': 'x' } },
  {
    title: 'a mirrored parameter that disagrees',
    params: { name: 'test_x_mcp_header', arguments: { region: 'eu' } },
    headers: { 'mcp-name': 'test_x_mcp_header', 'mcp-param-region': 'us' },
  },
  { title: 'an unknown method', method: 'no/such', params: {}, headers: { 'mcp-method': 'no/such', 'mcp-name': null } },
  {
    title: 'initialize in the new era',
    method: 'initialize',
    params: {},
    headers: { 'mcp-method': 'initialize', 'mcp-name': null },
  },
  { title: 'a batch', body: [{ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: modernMeta() } }] },
  {
    title: 'a notification',
    body: { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1, _meta: modernMeta() } },
    headers: { 'mcp-method': 'notifications/cancelled', 'mcp-name': null },
  },
  {
    title: 'a task nobody has',
    method: 'tasks/get',
    params: { taskId: 'nobody' },
    headers: { 'mcp-method': 'tasks/get', 'mcp-name': 'nobody' },
  },
  {
    title: 'a requestState nobody signed',
    params: { name: 'test_input_required_result_request_state', arguments: {}, requestState: 'forged' },
    headers: { 'mcp-name': 'test_input_required_result_request_state' },
  },
  {
    title: 'a subscription to nothing',
    method: 'subscriptions/listen',
    params: {},
    headers: { 'mcp-method': 'subscriptions/listen', 'mcp-name': null },
  },
  {
    title: 'an empty subscription',
    method: 'subscriptions/listen',
    params: { notifications: {} },
    headers: { 'mcp-method': 'subscriptions/listen', 'mcp-name': null },
  },
];

async function said(
  url: string,
  {
    headers = {},
    method = 'tools/call',
    params = { name: 'test_simple_text', arguments: {} },
    meta = modernMeta(),
    body,
  }: Odd,
): Promise<unknown> {
  const sent = Object.entries({ ...MODERN, 'mcp-name': 'test_simple_text', ...headers }).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  const answer = await fetch(url, {
    method: 'POST',
    headers: Object.fromEntries(sent),
    body: JSON.stringify(
      body ?? { jsonrpc: '2.0', id: 1, method, params: { ...params, ...(meta && { _meta: meta }) } },
    ),
  });
  const text = await answer.text();
  const messages = answer.headers.get('content-type')?.includes('event-stream')
    ? [...text.matchAll(/^data: ?(.*)$/gm)].map(([, data]) => JSON.parse(data!) as unknown)
    : text === ''
      ? []
      : [JSON.parse(text) as unknown];
  return { status: answer.status, messages };
}

for (const way of WAYS) {
  test(`${way}: whatever a request of 2026-07-28 says, the server judges it, and says the same as without the mesh`, async (t) => {
    t.timeout(60_000);
    for (const odd of ODDS) {
      const direct = await said(mesh.replicasOf(`sdk-${way}`)[0]!.url, odd);
      for (let i = 0; i < 3; i += 1) t.deepEqual(await said(mesh.url(`sdk-${way}`), odd), direct, odd.title);
    }
  });
}
