import test, { type ExecutionContext } from 'ava';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { slotName } from '../../../proto/session-id.ts';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { event, sse } from '../testing/fake-replica.ts';
import { RigFleet } from '../testing/relay-rig.ts';

const BASICS: readonly string[] = ['initialize', 'ping'];

/** A server of 2024-11-05 that answers initialize and ping, and never a call. */
async function sseReplica(t: ExecutionContext) {
  const streams = new Set<ServerResponse>();
  const seen: string[] = [];
  const answer = (message: object): void => {
    for (const stream of streams) stream.write(event({ jsonrpc: '2.0', ...message }));
  };
  const replica = { port: 0, streams, seen, answer, kill: (): void => undefined, refuse: false, answers: BASICS };
  const server = createServer((incoming, response) => {
    if (incoming.method === 'GET') {
      streams.add(response);
      return sse(response, 'event: endpoint\ndata: /messages?s=1\n\n');
    }
    let body = '';
    incoming.on('data', (piece) => (body += String(piece)));
    incoming.on('end', () => {
      const { id, method } = JSON.parse(body) as { id?: unknown; method: string };
      seen.push(method);
      if (replica.refuse) return response.writeHead(404).end();
      response.writeHead(202).end();
      const result = { protocolVersion: '2024-11-05', capabilities: {} };
      if (replica.answers.includes(method))
        for (const stream of streams) stream.write(event({ jsonrpc: '2.0', id, result }));
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  replica.kill = (): void => {
    server.close();
    server.closeAllConnections();
  };
  t.teardown(() => replica.kill());
  replica.port = (server.address() as AddressInfo).port;
  return replica;
}

async function session(t: ExecutionContext, policy: Record<string, unknown>) {
  const replicas = [await sseReplica(t), await sseReplica(t)];
  const fleet = new RigFleet(
    replicas.map(({ port }) => port),
    policy,
  );
  const rig = await fleet.gateway();
  t.teardown(() => rig.close());
  fleet.relays = [`127.0.0.1:${rig.port}`];
  const aborted = new AbortController();
  t.teardown(() => aborted.abort());
  const stream = await fetch(rig.url, {
    headers: { ...rig.headers, accept: 'text/event-stream' },
    signal: aborted.signal,
  });
  const heard = { text: '' };
  const decoder = new TextDecoder();
  (async () => {
    for await (const chunk of stream.body ?? []) heard.text += decoder.decode(chunk as Uint8Array, { stream: true });
  })().catch(() => undefined);
  await waitFor(() => heard.text.includes('holdfast-session'), { what: 'the endpoint' });
  const query = /data: [^?]*\?(.*)/.exec(heard.text)?.[1];
  const post = (message: object, via = rig) =>
    fetch(`${via.url}?${query}`, {
      method: 'POST',
      headers: { ...via.headers, 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    });
  await post({ id: 0, method: 'initialize', params: {} });
  await waitFor(() => heard.text.includes('2024-11-05'), { what: 'the session' });
  const home = replicas.find(({ streams }) => streams.size > 0);
  const other = replicas.find((replica) => replica !== home);
  if (!home || !other) throw new Error('the session is nowhere');
  return { fleet, rig, heard, post, home, other };
}

test('calls of a dead HTTP+SSE replica are sent again within the retry budget; the others hear a typed error', async (t) => {
  const { heard, post, home, other } = await session(t, { retryBudget: { percent: 0, floor: 0 } });
  for (let id = 1; id <= 20; id++) t.is((await post({ id, method: 'tools/list' })).status, 202);
  home.kill();
  await waitFor(() => heard.text.split('-31006').length > 20, { what: 'an error for each call' });
  t.is(other.seen.filter((method) => method === 'tools/list').length, 0);
});

test('a call over HTTP+SSE to a replica whose breaker is open is refused', async (t) => {
  const { rig, post, home, fleet, heard } = await session(t, {});
  const slot = fleet.replicas.find(({ address }) => address.endsWith(`:${home.port}`))?.slot ?? '';
  rig.breakers.configure(fleet.policy);
  rig.breakers.foundDead('linear', slot, Date.now());
  t.is((await post({ id: 1, method: 'tools/list' })).status, 202, 'a 503 would end the session of an official client');
  await waitFor(() => heard.text.includes('-31003'), { what: 'the error on the stream' });
  t.regex(heard.text, /"id":1,.*"outcome":"not_sent"/);
  t.false(home.seen.includes('tools/list'));
});

test('a message whose replica takes nothing is tried a few times with growing pauses, and then its error is on the stream', async (t) => {
  const { heard, post, home, other, rig } = await session(t, { timeouts: { recoveryMs: 3000 }, onReplicaLoss: 'fail' });
  home.refuse = true;
  const asked = home.seen.length;
  t.is((await post({ id: 9, method: 'tools/list' })).status, 202);
  await waitFor(() => /"id":9,"error"/.test(heard.text), { what: 'the error on the stream' });
  t.true(home.seen.length - asked <= 4, `${home.seen.length - asked} attempts`);
  t.false(other.seen.includes('tools/list'));
  t.is(rig.internalErrors.length, 0);
  home.refuse = false;
  t.is((await post({ id: 10, method: 'ping' })).status, 202);
  await waitFor(() => heard.text.includes('"id":10,"result"'), { what: 'the session goes on' });
});

test('a message over HTTP+SSE that is beyond a limit is refused by its status: its client reads no body', async (t) => {
  const { post, home } = await session(t, { maxBodyBytes: 1024 });
  const { status } = await post({ id: 3, method: 'tools/call', params: { name: 'a'.repeat(2000) } });
  t.is(status, 413);
  t.false(home.seen.includes('tools/call'));
});

test('an initialize over HTTP+SSE that is too large to be kept is refused, however often it comes', async (t) => {
  const { post, home, rig } = await session(t, { limits: { initializeBytes: 1024 } });
  const before = home.seen.length;
  for (const id of [4, 5]) {
    const answer = await post({ id, method: 'initialize', params: { clientInfo: { name: 'a'.repeat(2000) } } });
    t.is(answer.status, 413);
    t.regex(await answer.text(), /limits\.initializeBytes/);
  }
  t.is(home.seen.length, before);
  t.is(rig.internalErrors.length, 0);
});

for (const isSplit of [false, true])
  test(`calls of an HTTP+SSE session beyond callsPerSession hear so on its stream${isSplit ? ', through whichever gateway they come' : ''}`, async (t) => {
    const { fleet, rig, heard, post, home } = await session(t, { limits: { callsPerSession: 2 } });
    const via = isSplit ? await fleet.gateway('gateway-2') : rig;
    if (via !== rig) t.teardown(() => via.close());
    const call = (id: number) => post({ id, method: 'tools/call', params: { name: `call-${id}` } }, via);
    for (const id of [1, 2, 3]) t.is((await call(id)).status, 202, 'a 503 would end the session of an official client');
    await waitFor(() => heard.text.includes('"id":3,"error"'), { what: 'the error on the stream' });
    t.regex(heard.text, /"id":3,"error":.*servers\[linear\]\.limits\.callsPerSession.*"outcome":"not_sent"/);
    t.is(home.seen.filter((method) => method === 'tools/call').length, 2);
    t.is(await rig.metric('holdfast_limit_refusals_total'), 1);
    t.like(rig.outcomes.at(-1), { tool: 'call-3', kind: 'client_fault' });
    // What ends a call always passes, and makes room for another one.
    t.is((await post({ method: 'notifications/cancelled', params: { requestId: 1 } }, via)).status, 202);
    t.like(
      rig.outcomes.find(({ tool }) => tool === 'call-1'),
      { kind: 'cancelled' },
    );
    await call(4);
    t.is(home.seen.filter((method) => method === 'tools/call').length, 3);
    await call(5);
    await waitFor(() => heard.text.includes('"id":5,"error"'), { what: 'the next error' });
    t.false(heard.text.includes('"id":4,'));
    t.is(rig.internalErrors.length, 0);
  });

test('a second call over HTTP+SSE with the id of one that waits is refused, and the first goes on', async (t) => {
  const { heard, post, home } = await session(t, {});
  t.is((await post({ id: 7, method: 'tools/list' })).status, 202);
  await waitFor(() => home.seen.includes('tools/list'), { what: 'the replica has the first' });
  const second = await post({ id: 7, method: 'prompts/list' });
  t.is(second.status, 400);
  t.like(await second.json(), { id: 7, error: { code: -32600 } });
  // An answer of the client may have the id of a call: those are the server's ids.
  t.is((await post({ id: 7, result: {} })).status, 202);
  home.answer({ id: 7, result: { tools: [] } });
  await waitFor(() => heard.text.includes('"tools":[]'), { what: 'the answer to the first' });
  t.false(home.seen.includes('prompts/list'));
  t.is((await post({ id: 7, method: 'prompts/list' })).status, 202, 'once it has its answer the id is free');
});

test('a message over HTTP+SSE that a relay had before which is gone is not sent again', async (t) => {
  const { heard, post, home, rig } = await session(t, {});
  const resent = { ...rig, headers: { ...rig.headers, 'x-holdfast-sent': '300' } };
  t.is((await post({ id: 1, method: 'tools/list' })).status, 202);
  await waitFor(() => home.seen.includes('tools/list'), { what: 'the replica has it' });
  t.is((await post({ id: 1, method: 'tools/list' }, resent)).status, 202, 'it was handed over by then');
  t.is((await post({ id: 2, method: 'prompts/list' }, resent)).status, 202);
  await waitFor(() => heard.text.includes('-31001'), { what: 'its error is on the stream' });
  t.regex(heard.text, /"id":2,"error":\{"code":-31001/);
  t.deepEqual(
    home.seen.filter((method) => method.endsWith('/list')),
    ['tools/list'],
  );
});

test('while no replica can have an HTTP+SSE session its calls hear typed errors, and it goes on when one is back', async (t) => {
  const { fleet, rig, heard, post, home, other } = await session(t, { timeouts: { recoveryMs: 500 } });
  await post({ id: 1, method: 'tools/call', params: { name: 'write' } });
  await waitFor(() => home.seen.includes('tools/call'), { what: 'the call at its replica' });
  for (const replica of [other, home]) replica.kill();
  const errorOf = (id: number): string =>
    new RegExp(`"id":${id},"error":\\{"code":(-\\d+)`).exec(heard.text)?.[1] ?? '';
  await waitFor(() => errorOf(1) === '-31001', { what: 'the error of what may have run' });
  await post({ id: 2, method: 'tools/list' });
  await waitFor(() => ['-31002', '-31003'].includes(errorOf(2)), { what: 'the error of what was not sent' });
  t.regex(heard.text, /"id":2,.*"outcome":"not_sent"/);
  const back = await sseReplica(t);
  fleet.replicas.push({ address: `127.0.0.1:${back.port}`, slot: slotName(3), state: 'active' });
  let id = 2;
  const isAnswered = async (): Promise<boolean> => {
    await post({ id: ++id, method: 'ping' });
    return /"id":[1-9]\d*,"result"/.test(heard.text);
  };
  await waitFor(isAnswered, { what: 'an answer of the new replica' });
  t.is(await rig.metric('mcp_session_lost_total'), 0);
});

test('a rebuilt HTTP+SSE session whose replay ran into its limit is not kept on a stream that has ended', async (t) => {
  const { heard, post, home, other } = await session(t, { timeouts: { initializeMs: 1500, recoveryMs: 30_000 } });
  home.answers = [...BASICS, 'logging/setLevel'];
  await post({ id: 1, method: 'logging/setLevel', params: { level: 'info' } });
  await waitFor(() => heard.text.includes('"id":1,"result"'), { what: 'the level' });
  home.kill();
  await waitFor(() => other.seen.includes('logging/setLevel'), { what: 'a replay whose last step has no answer' });
  other.answers = home.answers;
  await post({ id: 2, method: 'ping' });
  await waitFor(() => heard.text.includes('"id":2,"result"'), { what: 'the answer' });
  t.is(other.seen.filter((method) => method === 'logging/setLevel').length, 2);
});
