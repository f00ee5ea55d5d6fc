import { once } from 'node:events';
import { createServer, request as httpRequest, type ClientRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { serverPolicySchema } from '../../proto/server-policy.ts';
import { clientSessionId } from '../../proto/session-id.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import { createSessionDirectory } from '../session/cached-directory.ts';
import { createMemoryStore } from '../session/memory-store.ts';
import { sampleRecord } from '../session/sample-record.ts';
import { makeServerView } from '../xds/topology.ts';
import { Arrivals } from './arrivals.ts';
import { decideOverHttp, type DecideOptions } from './decide-over-http.ts';

const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
const asked = (headers: Record<string, string>, mcp: Record<string, unknown> = {}): string => JSON.stringify({
  request_headers: { headers: { headers: Object.entries({ ':method': 'POST', 'x-holdfast-server': 'linear', ...headers }).map(([key, value]) => ({ key, raw_value: base64(value) })) } },
  metadata_context: { filter_metadata: { mcp } },
});

async function start(t: ExecutionContext, change: Partial<DecideOptions> = {}) {
  const errors: unknown[] = [], released: string[] = [], counted: string[] = [];
  const view = makeServerView(
    { policy: serverPolicySchema.parse({ name: 'linear' }), lostSlots: [], backends: [{ name: 'stable', weight: 100 }] },
    [{ server: 'linear', replica: 'a', backend: 'stable', slot: '1', address: '127.0.0.1:3001', state: 'active', isSteady: false, weight: 100 }],
  );
  const directory = createSessionDirectory({ store: createMemoryStore({ nodeId: 'a' }), nodeId: 'a', ttlSeconds: () => 3600 });
  t.teardown(() => directory.close());
  const options: DecideOptions = {
    server: (name) => name === 'linear' ? view : undefined, directory, relay: '127.0.0.1:7900', arrivals: new Arrivals(), onCreated: () => {}, now: Date.now, random: () => 0,
    gate: () => ({ kind: 'admit', permit: 'p-1' }), release: (permit) => { released.push(permit); },
    metrics: { extProc: (message, result) => { counted.push(`${message} ${result}`); } }, onError: (error) => { errors.push(error); }, ...change,
  };
  const server = createServer(decideOverHttp(options)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => { server.closeAllConnections(); server.close(); });
  const { port } = server.address() as AddressInfo;
  const begin = (body: string): ClientRequest => httpRequest({ port, host: '127.0.0.1', method: 'POST', path: '/holdfast/decide', agent: false }).on('error', () => {}).end(body);
  const ask = async (body: string): Promise<{ status: number; body: string }> => {
    const [response] = await once(begin(body), 'response') as [import('node:http').IncomingMessage];
    let text = '';
    for await (const chunk of response) text += String(chunk);
    return { status: response.statusCode!, body: text };
  };
  return { ask, begin, directory, errors, released, counted };
}

const clientId = clientSessionId({ slot: '1', upstreamId: 'up', principal: null });
const known = (): SessionRecord => sampleRecord({ clientId, slot: '1', upstreamId: 'up', lastActivityMs: Date.now() });

test('a session’s request is pinned, with the permit for the access log; header bytes stay what they were', async (t) => {
  const { ask, directory, errors, counted, released } = await start(t);
  await directory.remember(known());
  const { status, body } = await ask(asked({ 'x-holdfast-session': clientId, 'mcp-session-id': 'up', authorization: 'Bearer \u00e9' }, { method: 'tools/call', name: 'add', id: 7, other: { a: 1 } }));
  t.is(status, 200);
  t.deepEqual(JSON.parse(body), {
    request_headers: { response: {} }, dynamic_metadata: { holdfast: { host: '127.0.0.1:3001,127.0.0.1:7900', permit: 'p-1' } },
  });
  await directory.move({ ...known(), upstreamId: 'caf\u00e9', epoch: 1 }, 0);
  t.deepEqual(JSON.parse((await ask(asked({ 'x-holdfast-session': clientId }))).body), {
    request_headers: { response: { header_mutation: { set_headers: [{ header: { key: 'mcp-session-id', raw_value: base64('caf\u00e9') }, append_action: 2 }] } } },
    dynamic_metadata: { holdfast: { host: '127.0.0.1:3001,127.0.0.1:7900', permit: 'p-1' } },
  });
  t.deepEqual([errors, counted, released], [[], ['request_headers ok', 'request_headers ok'], []]);
});

test('a refusal carries its status, headers and the request’s id as it came', async (t) => {
  const { ask, counted } = await start(t);
  for (const id of [7, 'seven']) {
    const { status, body } = await ask(asked({ 'x-holdfast-session': '9~nobody', 'mcp-session-id': 'nobody' }, { method: 'ping', id }));
    t.is(status, 200);
    const { immediate_response: answer, dynamic_metadata: metadata } = JSON.parse(body) as { immediate_response: { status: object; headers: { set_headers: { header: { key: string } }[] }; body: string }; dynamic_metadata: object };
    t.deepEqual(answer.status, { code: 404 });
    t.is(answer.headers.set_headers[0]!.header.key, 'content-type');
    t.deepEqual(JSON.parse(Buffer.from(answer.body, 'base64').toString()), { jsonrpc: '2.0', id, error: { code: -32001, message: 'Session not found' } });
    t.deepEqual(metadata, { holdfast: { answered: 'true' } });
  }
  t.deepEqual(counted, ['request_headers reject', 'request_headers reject']);
});

test('what is no question is answered with an error that is told, and the next question is answered', async (t) => {
  const { ask, errors, counted } = await start(t);
  const bad: [body: string, status: number][] = [
    ['', 400], ['{"broken', 400], ['null', 400], ['[]', 400], ['{"request_headers":{"headers":{"headers":7}}}', 400], ['{"response_headers":{}}', 400],
  ];
  for (const [body, status] of bad) t.is((await ask(body)).status, status, body);
  t.is(errors.length, bad.length);
  t.true(counted.every((each) => each.endsWith(' error')));
  t.is((await ask('x'.repeat(300 << 10))).status, 413);
  t.is((await ask(asked({ 'x-holdfast-server': 'unheard-of', 'mcp-session-id': clientId }))).status, 200);
});

test('an empty session id is left to the relay, which sees what it begins', async (t) => {
  const { ask, errors } = await start(t);
  for (const session of ['', ' ', ',']) {
    const { status, body } = await ask(asked({ 'x-holdfast-session': session }, { method: 'initialize', id: 1 }));
    t.deepEqual([status, JSON.parse(body)], [200, { request_headers: { response: {} }, dynamic_metadata: { holdfast: { host: '127.0.0.1:7900' } } }]);
  }
  t.deepEqual(errors, []);
});

test('a permit is free again when Envoy gave up while the store was asked, and kept when it had its answer', async (t) => {
  const store = Promise.withResolvers<void>(), looked = Promise.withResolvers<void>();
  const { begin, ask, directory, released } = await start(t);
  await directory.remember(known());
  const find = directory.find.bind(directory), peek = directory.peek.bind(directory);
  directory.peek = () => undefined;
  directory.find = async (...which) => { looked.resolve(); await store.promise; return find(...which); };
  const question = asked({ 'x-holdfast-session': clientId, 'mcp-session-id': 'up' }, { method: 'ping', id: 1 });
  const given = begin(question);
  await looked.promise;
  const isGone = new Promise((resolve) => { given.once('close', resolve); });
  given.destroy();
  await isGone;
  directory.peek = peek;
  await ask(question);
  t.deepEqual(released, []);
  store.resolve();
  while (released.length === 0) await new Promise(setImmediate);
  t.deepEqual(released, ['p-1']);
});
