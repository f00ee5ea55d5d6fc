import { judge, type AttackCase, type AttackOutcome } from '../attack-case.ts';
import { casesOf } from '../attack-case.ts';
import { callOf, INITIALIZE, type AttackMesh, type SendOptions, type ServerName } from '../attack-mesh.ts';
import { openStream } from '../http-client.ts';
import { waitFor } from '../../mesh/wait-for.ts';

const nested = (depth: number, open: string, close: string): string => open.repeat(depth) + close.repeat(depth);
const deepInitialize = (depth: number, open = '[', close = ']'): string =>
  JSON.stringify({
    ...INITIALIZE,
    params: { ...INITIALIZE.params, capabilities: { experimental: { x: { y: 0 } } } },
  }).replace('{"y":0}', `{"y":${nested(depth, open, close)}}`);

/** Bodies that a tolerant reader takes for a message, and a strict one does not; and bodies that exhaust a recursive walk. */
const BODIES: Record<string, string> = {
  'bare-word-initialize': '{"id":1,"method":"initialize","x":bad}',
  'bare-params': '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{x}}',
  'bare-client-info': '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"clientInfo":{name:1}}}',
  'initialize-trailing-comma': '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{},}',
  'initialize-null-params': '{"jsonrpc":"2.0","id":1,"method":"initialize","params":null}',
  'initialize-number-params': '{"jsonrpc":"2.0","id":1,"method":"initialize","params":7}',
  'initialize-bad-escape': '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"clientInfo":"\\x"}}',
  'initialize-control-character': '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"a":"\u0001"}}',
  'initialize-deep-array': deepInitialize(6000),
  'initialize-deep-object': deepInitialize(6000, '{"a":', '}').replace('{"a":}', '{"a":1}'),
  'initialize-very-deep': deepInitialize(100_000),
  'initialize-unclosed-deep': `{"jsonrpc":"2.0","id":1,"method":"initialize","params":${'['.repeat(200_000)}`,
  'initialize-proto': '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"__proto__":{"a":1},"constructor":1}}',
  'answer-bare-word': '{"jsonrpc":"2.0","result":{},"id":"x","y":bad}',
  'answer-bare-result': '{"jsonrpc":"2.0","id":7,"result":{x}}',
  'answer-batch-null': '[{"jsonrpc":"2.0","id":7,"result":{}},null]',
  'answer-batch-bad': '[{"jsonrpc":"2.0","id":7,"result":{}},{"id":1,"result":nope}]',
  'answer-object-id': '{"jsonrpc":"2.0","id":{"a":1},"result":{}}',
  'answer-stamped-id': '{"jsonrpc":"2.0","id":"holdfast:999999999999999999:1","result":{}}',
  'answer-deep': `{"jsonrpc":"2.0","id":1,"result":${nested(20_000, '[', ']')}}`,
  'answer-error-bad': '{"jsonrpc":"2.0","id":1,"error":{code}}',
  'call-deep-arguments': `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":${nested(50_000, '[', ']')}}}`,
  'call-huge-number-id': '{"jsonrpc":"2.0","id":1e999,"method":"tools/call","params":{"name":"echo"}}',
  'call-lone-surrogate': '{"jsonrpc":"2.0","id":"\\ud800","method":"tools/call","params":{"name":"\\udfff"}}',
  'call-duplicate-keys':
    '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping","method":"tools/call","params":{},"params":[]}',
  'cancel-bad': '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}},"x":bad}',
  'set-level-bad': '{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":{"a":[bad]}}}',
  'subscribe-bad': '{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":[bad]}}',
  'byte-order-mark': '\ufeff{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}',
  'escaped-key': '{"jsonrpc":"2.0","id":1,"\\u006dethod":"initialize","params":{x}}',
  'escaped-key-well-formed': '{"jsonrpc":"2.0","id":1,"\\u006dethod":"initialize","p\\u0061rams":null}',
  'thousand-initializes': `[${Array.from({ length: 1001 }, () => '{"jsonrpc":"2.0","id":1,"method":"initialize"}').join()}]`,
  'utf-16': Buffer.from('{"jsonrpc":"2.0","id":1,"method":"initialize"}', 'utf16le').toString('latin1'),
  'null-alone': 'null',
  'no-bytes': '',
  'nul-bytes': '\0\0\0\0',
  'call-id-in-arrays': '{"jsonrpc":"2.0","id":[[1]],"method":"tools/call","params":{"name":"echo"}}',
  'call-number-of-10000-digits': `{"jsonrpc":"2.0","id":${'9'.repeat(10_000)},"method":"tools/call","params":{"name":"echo"}}`,
  'call-meta-of-wrong-types':
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":[{"progressToken":{}}]}}',
  'initialize-version-of-a-megabyte': `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"${'9'.repeat(1 << 20)}","capabilities":{}}}`,
  'initialize-capabilities-list':
    '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":[],"capabilities":[[]],"clientInfo":[]}}',
  'set-level-of-a-megabyte': `{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"${'x'.repeat(1 << 20)}"}}`,
  'array-of-nothing': '[null,[],[[]],1,"x",true]',
};

interface Route {
  server: ServerName;
  options: SendOptions;
}

const modern = (method: string): SendOptions => ({
  headers: { 'mcp-method': method, 'mcp-protocol-version': '2026-07-28' },
});

/** Every way into the mesh: no session, sessions of each kind, one that has moved, HTTP+SSE, 2026-07-28. */
async function routesInto(mesh: AttackMesh): Promise<{ routes: Route[]; close: () => void }> {
  const token = mesh.issuer.valid('mallory');
  const live = async (server: ServerName, options: SendOptions = {}): Promise<Route> => ({
    server,
    options: { ...options, session: await mesh.session(server, options) },
  });
  const moved = await live('moving');
  for (const replica of mesh.replicas.moving) replica.forget();
  await mesh.rpc('moving', callOf('echo'), moved.options);
  const stream = await openStream(mesh.url('legacy'));
  const endpoint = await waitFor(() => /data: (\S+)/.exec(stream?.text ?? '')?.[1], { what: 'an endpoint event' });
  const routes: Route[] = [
    { server: 'plain', options: {} },
    { server: 'off', options: {} },
    { server: 'plain', options: { suffix: '?holdfast-session=0~A' } },
    { server: 'off', options: { suffix: '?holdfast-session=0~A' } },
    { server: 'legacy', options: { suffix: new URL(endpoint, mesh.url('legacy')).search } },
    { server: 'plain', options: modern('initialize') },
    { server: 'modern', options: modern('tools/call') },
    { server: 'modern', options: modern('subscriptions/listen') },
    { server: 'modern', options: modern('server/discover') },
    { server: 'opencache', options: modern('tools/list') },
    moved,
    await live('plain'),
    await live('streams'),
    await live('off'),
    await live('jwt', { token }),
    await live('jwtoff', { token }),
  ];
  return { routes, close: () => stream?.close() };
}

/** Sends one body along every way; each request must have an answer, and no replica may be blamed for it. */
async function sendEverywhere(mesh: AttackMesh, body: string): Promise<AttackOutcome> {
  const { routes, close } = await routesInto(mesh);
  const problems: string[] = [];
  const statuses: number[] = [];
  for (const { server, options } of routes) {
    // Listening and hanging tools aside, an answer comes at once.
    const answer = await mesh.send(server, { ...options, body, timeoutMs: 4000 });
    statuses.push(answer.status);
    const way = `${server}${options.suffix ?? ''}${options.session === undefined ? '' : ' session'}`;
    const isStreaming = answer.headers['content-type']?.includes('event-stream') ?? false;
    if (answer.status === 0) problems.push(`${way}: ${answer.isTimeout ? 'no answer' : 'reset'}`);
    else if (answer.isTimeout && !isStreaming) problems.push(`${way}: ${answer.status} without an end`);
    else if (answer.status >= 502) problems.push(`${way}: ${answer.status} ${answer.body.slice(0, 80)}`);
  }
  close();
  for (const server of ['moving', 'plain', 'off'] as const) mesh.reset(server);
  const tally = [...Map.groupBy(statuses, (status) => status)].map(([status, list]) => `${list.length}× ${status}`);
  return judge({ 'every request is answered': problems.length === 0 }, [tally.join(', '), ...problems].join('; '));
}

const GOAL = 'an answer on every way in, every process alive';
export const oneRequest: AttackCase[] = Object.entries(BODIES).flatMap(([name, body]) =>
  casesOf(
    'one-request',
    { finding: name.startsWith('answer') ? 'B1' : name.startsWith('bare') ? 'B2' : '1', goal: GOAL },
    { [name]: body },
    sendEverywhere,
  ),
);
