import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { freePort } from '../../deploy/test/mesh/free-port.ts';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import { serverPolicySchema } from '../../proto/server-policy.ts';
import { HEADER } from '../../proto/wire.ts';
import { BodyBudget } from '../budget/body-budget.ts';
import { CallShares, shareOf } from '../budget/call-shares.ts';
import { ReplicaClient } from '../replica/client.ts';
import { makeServerView, makeTopology } from '../xds/topology.ts';
import { answerLogin } from './login.ts';

const DOCUMENT = '/.well-known/oauth-protected-resource';

async function listen(t: ExecutionContext, onRequest: RequestListener): Promise<number> {
  const server = createServer(onRequest);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const endpoint = (port: number, index: number): ReplicaEndpoint => ({
  ...{ server: 'fm', replica: `fm-${index}`, backend: 'stable', slot: String(index + 1), address: `127.0.0.1:${port}` },
  ...{ state: 'active', isSteady: true, weight: 1 },
});

/** A sidecar's port before replicas at `ports`. The answers are those of the room alone. */
const sidecar = async (t: ExecutionContext, ports: readonly number[]) => (await sidecarOf(t, ports)).send;

async function sidecarOf(
  t: ExecutionContext,
  ports: readonly number[],
  { answerMs, ...limits }: Record<string, number> = {},
) {
  const url = 'https://mcp.example.com/mcp/fm';
  const policy = serverPolicySchema.parse({
    ...{ name: 'fm', routes: ['/token', '/authorize', '/files/*'], maxBodyBytes: 2048, limits },
    places: [{ host: null, path: '/mcp/fm', base: '/mcp/fm', url }],
  });
  const topology = makeTopology([makeServerView({ policy, lostSlots: [], backends: [] }, ports.map(endpoint))]);
  const upstream = new ReplicaClient();
  t.teardown(() => upstream.close());
  const budgets = { bodies: new BodyBudget(Date.now), shares: new CallShares() };
  const refused: string[] = [];
  const port = await listen(t, (incoming, response) => {
    if (
      !answerLogin(
        {
          ...{ topology: () => topology, upstream, contained: (error) => t.fail(String(error)) },
          refused: (server, limit) => refused.push(`${server} ${limit}`),
          ...(answerMs !== undefined && { answerMs }),
        },
        incoming,
        response,
        budgets,
      )
    )
      response.writeHead(418).end();
  });
  const send = (path: string, init: RequestInit = {}, server = 'fm') =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      ...init,
      redirect: 'manual',
      headers: { ...(init.headers as object), [HEADER.mode]: 'login', [HEADER.server]: server },
    });
  return { send, refused, shares: budgets.shares };
}

const json = (response: ServerResponse, value: object, status = 200): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
};
const GONE = (request: IncomingMessage): void => {
  request.socket.destroy();
};

test('a document is asked for where the replica has it, and names what clients use', async (t) => {
  const asked: string[] = [];
  const port = await listen(t, (request, response) => {
    asked.push(request.url ?? '');
    if (request.url !== `${DOCUMENT}/mcp`) response.writeHead(404).end();
    else json(response, { resource: `http://127.0.0.1:${port}/mcp`, authorization_servers: ['https://id.example/'] });
  });
  const send = await sidecar(t, [port]);
  t.deepEqual(await (await send(`${DOCUMENT}/mcp/fm`)).json(), {
    resource: 'https://mcp.example.com/mcp/fm',
    authorization_servers: ['https://id.example/'],
  });
  t.deepEqual(asked, [`${DOCUMENT}/mcp/fm`, `${DOCUMENT}/mcp`]);
});

test('what no replica has is its own 404; what is none of the server’s paths never reaches one', async (t) => {
  const asked: string[] = [];
  const port = await listen(t, (request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(404, { 'x-from': 'replica' }).end('nothing');
  });
  const send = await sidecar(t, [port]);
  t.is((await send(`${DOCUMENT}/mcp/fm`)).headers.get('x-from'), 'replica');
  t.is(asked.length, 3);
  for (const path of ['/admin', '/mcp/fm/tokens', '/mcp/fm/files/../admin', '/token'])
    t.is((await send(path)).status, 404, path);
  t.is((await send('/mcp/fm/token', {}, 'other')).status, 404);
  t.is(asked.filter((path) => path === '/admin' || path === '/token').length, 0);
});

test('a request goes with its query, body and headers, and its answer comes back with redirect and cookies', async (t) => {
  const port = await listen(t, (request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.on('end', () => {
      t.is(request.url, '/authorize?a=b&c=%20');
      t.is(request.headers['x-holdfast-server'], undefined);
      response
        .writeHead(302, { location: `http://localhost:${port}/token?x`, 'set-cookie': ['a=1; Path=/token'] })
        .end(body);
    });
  });
  const send = await sidecar(t, [port]);
  const answer = await send('/mcp/fm/authorize?a=b&c=%20', { method: 'POST', body: 'form=1' });
  t.is(answer.status, 302);
  t.is(answer.headers.get('location'), 'https://mcp.example.com/mcp/fm/token?x');
  t.is(answer.headers.get('set-cookie'), 'a=1; Path=/mcp/fm/token');
  t.is(await answer.text(), 'form=1');
});

test('a request that was not delivered goes to the next replica; a code that a replica may have taken does not', async (t) => {
  let taken = 0;
  const dead = await freePort();
  const dying = await listen(t, (request) => {
    taken++;
    GONE(request);
  });
  const good = await listen(t, (_, response) => json(response, { ok: true }));
  const post = { method: 'POST', body: 'code=1' };
  t.is((await (await sidecar(t, [dead, good]))('/mcp/fm/token', post)).status, 200);
  const send = await sidecar(t, [dying, good]);
  t.is((await send('/mcp/fm/token', post)).status, 503);
  t.is(taken, 1);
  t.is((await send('/mcp/fm/authorize')).status, 200);
  t.is((await (await sidecar(t, []))('/mcp/fm/token', post)).status, 503);
});

test('a document that stops in the middle is asked for elsewhere', async (t) => {
  const stalled = await listen(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"resource":');
  });
  const good = await listen(t, (_, response) => json(response, { resource: 'here' }));
  const { send } = await sidecarOf(t, [stalled, good], { answerMs: 1000 });
  t.deepEqual(await (await send(`${DOCUMENT}/mcp/fm`)).json(), { resource: 'here' });
});

test('a body beyond the limit is refused with the key; a long document passes as it is', async (t) => {
  const long = { resource: 'http://localhost/mcp', filler: 'x'.repeat(2 << 20) };
  const port = await listen(t, (_, response) => json(response, long));
  const send = await sidecar(t, [port]);
  const refused = await send('/mcp/fm/token', { method: 'POST', body: 'x'.repeat(4096) });
  t.is(refused.status, 413);
  t.regex(await refused.text(), /servers\[fm\]\.maxBodyBytes/);
  t.deepEqual(await (await send(`${DOCUMENT}/mcp/fm`)).json(), long);
});

test('requests in flight count among the calls of their client: no address takes the places of the others', async (t) => {
  const MOST = shareOf(1);
  const held: ServerResponse[] = [];
  const port = await listen(t, (_, response) => held.push(response));
  const { send, refused, shares } = await sidecarOf(t, [port], { callsPerClientPercent: 1 });
  const from = (address: string) => ({ headers: { [HEADER.guard]: address } });
  const waiting = Array.from({ length: MOST }, () => send('/mcp/fm/authorize', from('192.0.2.1')));
  await waitFor(() => held.length === MOST, { what: 'as many requests as one client may have' });
  const beyond = await send('/mcp/fm/authorize', from('192.0.2.1'));
  t.is(beyond.status, 503);
  t.regex(await beyond.text(), /servers\[fm\]\.limits\.callsPerClientPercent/);
  t.deepEqual(refused, ['fm calls_per_client']);
  const other = send('/mcp/fm/authorize', from('192.0.2.2'));
  await waitFor(() => held.length === MOST + 1, { what: 'another client’s request at the replica' });
  for (const response of held) json(response, {});
  for (const answer of await Promise.all([...waiting, other])) t.is(answer.status, 200);
  await waitFor(() => shares.size === 0, { what: 'their places are free' });
});
