import test, { type ExecutionContext } from 'ava';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { fakeFleet } from './testing/fake-fleet.ts';
import { json, sse } from './testing/fake-replica.ts';
import { RigFleet, type RelayRig } from './testing/relay-rig.ts';

const deep = (open: string, close: string): string => open.repeat(6000) + '1' + close.repeat(6000);
/** Each was taken for a message by a scanner and then refused by a parser, or is deeper than a stack. */
const BODIES = [
  '{"jsonrpc":"2.0","id":7,"result":{x}}',
  '[{"jsonrpc":"2.0","id":1,"result":{}},null]',
  '[null]',
  '[[]]',
  '{"jsonrpc":"2.0","result":{},"id":"x","y":bad}',
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{x}}',
  '{"id":1,"method":"initialize","x":bad}',
  '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":01}',
  '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"a":"\u0001"}}',
  '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"a":"\\x"}}',
  '\ufeff{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{"experimental":{"x":${deep('[', ']')}}}}}`,
  `{"jsonrpc":"2.0","id":1,"result":${deep('{"a":', '}')}}`,
  '{"jsonrpc":"2.0","id":"holdfast:1:{","result":{}}',
  '{"jsonrpc":"2.0","id":"holdfast:1:{}","result":{}}',
  '',
  'null',
  '"text"',
];

interface Route {
  name: string;
  url: string;
  headers: Record<string, string>;
}

async function twoReplicas(t: ExecutionContext, policy: Record<string, unknown> = {}) {
  const { fleet, replicas, gateway } = await fakeFleet(t, policy);
  // Such bodies may reach a replica: it answers as servers do.
  for (const replica of replicas)
    replica.answer = ({ body, response, method }) => {
      if (method !== 'POST' || !body.includes('holdfast:')) return false;
      response.writeHead(202).end();
      return true;
    };
  return { replicas, fleet, rig: await gateway() };
}

const post = (rig: RelayRig, body: string, headers: Record<string, string> = {}, url = rig.url): Promise<Response> =>
  rig.post(body, headers, { url, signal: AbortSignal.timeout(10_000) });
const message = (rest: object): string => JSON.stringify({ jsonrpc: '2.0', ...rest });

async function session(rig: RelayRig): Promise<Record<string, string>> {
  const answer = await post(rig, message({ id: 0, method: 'initialize', params: {} }));
  await answer.text();
  return { 'x-holdfast-session': answer.headers.get('mcp-session-id') ?? '' };
}

/** A session that has moved once, so that answers to its server's questions carry stamps. */
async function movedSession(rig: RelayRig, replicas: readonly { sessions: Set<string> }[]) {
  const own = await session(rig);
  for (const replica of replicas) replica.sessions.clear();
  await (await post(rig, message({ id: 1, method: 'tools/list' }), own)).text();
  return own;
}

test('no body ends the relay, hangs, or is answered with anything but one answer, whatever route it takes', async (t) => {
  const { rig, replicas } = await twoReplicas(t);
  const moved = await movedSession(rig, replicas);
  t.is(await rig.metric('mcp_session_recoveries_total'), 1);
  const fresh = await session(rig);
  const sseUrl = `http://127.0.0.1:${rig.port}/mcp?holdfast-session=0~A`;
  const modern = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'initialize' };
  const routes: Route[] = [
    { name: 'no session', url: rig.url, headers: {} },
    { name: 'fresh', url: rig.url, headers: fresh },
    { name: 'recovered', url: rig.url, headers: moved },
    { name: 'HTTP+SSE', url: sseUrl, headers: {} },
    { name: '2026-07-28', url: rig.url, headers: modern },
  ];
  for (const { name, url, headers } of routes)
    for (const body of BODIES) {
      const answer = await post(rig, body, headers, url);
      t.true(answer.status < 500, `${name}: ${answer.status} to ${body.slice(0, 80)}`);
      await answer.text();
    }
  t.deepEqual(rig.internalErrors, []);
  for (const own of [fresh, moved]) t.is((await post(rig, message({ id: 2, method: 'tools/list' }), own)).status, 200);
});

test('a body that is no message is answered by the relay: malformed -32700, JSON that is none -32600; compressed ones pass', async (t) => {
  const { rig, replicas } = await twoReplicas(t);
  const codeOf = async (body: string) => {
    const answer = await post(rig, body);
    t.is(answer.status, 400);
    const { id, error } = (await answer.json()) as { id: unknown; error: { code: number } };
    t.is(id, null);
    return error.code;
  };
  for (const body of ['{', '{x}', '', deep('[', ']')]) t.is(await codeOf(body), -32700, body.slice(0, 20));
  for (const body of ['5', 'null', '[]', `[${Array.from({ length: 1001 }, () => '{}').join()}]`])
    t.is(await codeOf(body), -32600, body.slice(0, 20));
  t.is(replicas.flatMap(({ seen }) => seen).length, 0);
});

test('an exception in the relay answers that one client with its ids, and is told with the trace id', async (t) => {
  const { rig } = await twoReplicas(t);
  const own = await session(rig);
  const { peek } = rig.directory;
  rig.directory.peek = () => {
    throw new TypeError('a bug');
  };
  const answer = await post(
    rig,
    `[${message({ id: 'a', method: 'tools/list' })},{"id":9007199254740993,"method":"x"}]`,
    own,
  );
  t.is(answer.status, 500);
  const text = await answer.text();
  t.regex(text, /"id":"a".*-31011/);
  t.regex(text, /"id":9007199254740993,/);
  const stream = await fetch(rig.url, { headers: { ...rig.headers, ...own }, signal: AbortSignal.timeout(10_000) });
  t.is(stream.status, 500);
  t.is(
    await fetch(rig.url, { method: 'DELETE', headers: { ...rig.headers, ...own } }).then(({ status }) => status),
    500,
  );
  // Each request's own, and what came of reporting it.
  t.true(rig.internalErrors.length >= 3);
  rig.directory.peek = peek;
  t.is((await post(rig, message({ id: 2, method: 'tools/list' }), own)).status, 200);
  t.deepEqual(
    rig.outcomes.filter(({ kind }) => kind === 'replica_fault' || kind === 'server_error'),
    [],
  );
});

test('an id beyond 2^53 comes back with every digit in an error of the mesh, and in each of a batch', async (t) => {
  const { rig, replicas } = await twoReplicas(t);
  const own = await session(rig);
  for (const replica of replicas)
    replica.answer = ({ response, method, body }) => {
      if (method !== 'POST' || !body.includes('tools/call')) return false;
      response.socket?.destroy();
      return true;
    };
  const call = (id: string) => `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"write"}}`;
  t.regex(await (await post(rig, call('9007199254740993'), own)).text(), /"id":9007199254740993,/);
  const batch = await (await post(rig, `[${call('12345678901234567890')},${call('"x"')},${call('1.50')}]`, own)).text();
  for (const id of ['12345678901234567890', '"x"', '1.50']) t.true(batch.includes(`"id":${id},`), batch);
});

test('a server without a GET stream keeps its sessions: its answer is passed on and remembered', async (t) => {
  for (const status of [404, 405, 501]) {
    const { rig, replicas } = await twoReplicas(t);
    const own = await session(rig);
    for (const replica of replicas)
      replica.answer = ({ response, method }) => {
        if (method === 'GET') response.writeHead(status, { 'content-type': 'text/html' }).end('no such page');
        return method === 'GET';
      };
    const get = () => fetch(rig.url, { headers: { ...rig.headers, ...own }, signal: AbortSignal.timeout(10_000) });
    t.deepEqual([(await get()).status, (await get()).status], [status, status]);
    const seen = replicas.flatMap((replica) => replica.seen);
    t.is(seen.filter(({ method }) => method === 'GET').length, 1);
    t.is(seen.filter((request) => request.message.method === 'initialize').length, 1);
    t.is(await rig.metric('mcp_session_recoveries_total'), 0);
  }
});

test('a GET stream that is reset again and again is asked for with growing pauses, and its session stays', async (t) => {
  const { rig, replicas } = await twoReplicas(t);
  const own = await session(rig);
  let resets = 0;
  for (const replica of replicas)
    replica.answer = ({ response, method }) => {
      if (method !== 'GET') return false;
      resets++;
      if (resets === 1) sse(response, ': open\n\n');
      response.socket?.destroy();
      return true;
    };
  const aborted = new AbortController();
  const beganMs = Date.now();
  const stream = fetch(rig.url, { headers: { ...rig.headers, ...own }, signal: aborted.signal }).catch(() => undefined);
  await waitFor(() => resets >= 4, { what: 'four attempts' });
  t.true(Date.now() - beganMs >= 250 + 500, 'pauses double');
  aborted.abort();
  await stream;
  t.is(await rig.metric('mcp_session_recoveries_total'), 0);
});

test('a GET stream has its session rebuilt twice at most without an event between', async (t) => {
  const { rig, replicas } = await twoReplicas(t);
  const own = await session(rig);
  for (const replica of replicas)
    replica.answer = ({ response, method, message: { method: rpc } }) => {
      if (method !== 'GET' && rpc !== 'ping') return false;
      json(response, { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } }, 404);
      return true;
    };
  const answer = await fetch(rig.url, { headers: { ...rig.headers, ...own }, signal: AbortSignal.timeout(20_000) });
  t.is(answer.status, 200, 'a 5xx would end the session of Go’s client');
  const asked = (): number => replicas.flatMap(({ seen }) => seen).filter(({ method }) => method === 'GET').length;
  await waitFor(() => asked() >= 3, { what: 'an attempt after each recovery' });
  t.is(await rig.metric('mcp_session_recoveries_total'), 2);
});

test('a call that is answered 404 by a session that answers a ping gets that answer: nothing is rebuilt', async (t) => {
  const { rig, replicas } = await twoReplicas(t);
  const own = await session(rig);
  for (const replica of replicas)
    replica.answer = ({ response, message: { method } }) => {
      if (method !== 'tools/call') return false;
      json(response, { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'no' } }, 404);
      return true;
    };
  const answer = await post(rig, message({ id: 1, method: 'tools/call', params: { name: 'x' } }), own);
  t.is(answer.status, 404);
  t.is(await rig.metric('mcp_session_recoveries_total'), 0);
});

test('a call that a neighbour took and whose stream it closed early ends, too', async (t) => {
  const { fleet, rig, replicas } = await twoReplicas(t);
  const partition = { isCut: false };
  const other = await fleet.gateway('gateway-2', partition);
  t.teardown(() => other.close());
  fleet.relays = [rig, other].map(({ port }) => `127.0.0.1:${port}`);
  const own = await session(rig);
  for (const replica of replicas)
    replica.answer = ({ response, message: { method } }) => {
      if (method !== 'tools/call') return false;
      sse(response, 'id: ev-1\nretry: 500\ndata: \n\n');
      setTimeout(() => response.end(), 20);
      return true;
    };
  // gateway-2 can't ask the store, and in its view the replica is lost: it must ask its neighbour.
  partition.isCut = true;
  const home = fleet.replicas[replicas.findIndex(({ sessions }) => sessions.size > 0)];
  if (home) home.state = 'lost';
  const asked = post(other, message({ id: 1, method: 'tools/call', params: { name: 'x' } }), own);
  if (home) setTimeout(() => (home.state = 'active'), 30);
  const answer = await asked;
  await answer.text();
  t.true([200, 503].includes(answer.status));
  t.deepEqual([...rig.internalErrors, ...other.internalErrors], []);
});

test('an HTTP+SSE session whose client posts nonsense goes on', async (t) => {
  const streams = new Set<ServerResponse>();
  const server = createServer((incoming, response) => {
    if (incoming.method === 'GET') {
      streams.add(response);
      sse(response, 'event: endpoint\ndata: /messages?s=1\n\n');
    } else incoming.resume().on('end', () => response.writeHead(202).end());
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const fleet = new RigFleet([(server.address() as AddressInfo).port]);
  const rig = await fleet.gateway();
  t.teardown(() => rig.close());
  const stream = await fetch(rig.url, { headers: { ...rig.headers, accept: 'text/event-stream' } });
  const reader = stream.body?.getReader();
  const text = new TextDecoder().decode((await reader?.read())?.value as Uint8Array);
  const query = /data: [^?]*\?(.*)/.exec(text)?.[1] ?? '';
  const url = `http://127.0.0.1:${rig.port}/mcp?${query}`;
  for (const body of BODIES) t.true((await post(rig, body, {}, url)).status < 500, body.slice(0, 80));
  t.is((await post(rig, message({ id: 1, method: 'ping' }), {}, url)).status, 202);
  t.deepEqual(rig.internalErrors, []);
  await reader?.cancel();
});
