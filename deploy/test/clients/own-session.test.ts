import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { parseJsonObject } from '../../../proto/parse-json.ts';
import { exchange, openStream } from '../attack/http-client.ts';
import { testWith } from '../test-with.ts';
import { connectAny, OFFICIAL_CLIENTS, type OfficialKind } from './foreign/connect-any.ts';
import { FOREIGN_KINDS } from './foreign/foreign-kinds.ts';
import { findForeignClient } from './foreign/install.ts';
import { ownSessionFetch } from './own-session.ts';
import { postHeaders, rawExchange, rawRequest } from './raw-http.ts';

const headers = { 'mcp-session-id': 'mine' };

test('an answer that carries another session id than its request fails, and no other', async (t) => {
  const answering = (id?: string, before?: 'relay') =>
    ownSessionFetch(
      async () => new Response('', { headers: id === undefined ? {} : { 'mcp-session-id': id } }),
      before,
    );
  await t.throwsAsync(answering('other')('http://mesh', { headers }), { message: /mine.*other/ });
  for (const id of ['mine', undefined]) await t.notThrowsAsync(answering(id)('http://mesh', { headers }));
  await t.notThrowsAsync(answering('new')('http://mesh'), 'initialize');
  const behindEnvoy = { headers: { ...headers, 'x-holdfast-session': '1~mine' } };
  await t.notThrowsAsync(answering('1~mine', 'relay')('http://relay', behindEnvoy));
  await t.throwsAsync(answering('mine', 'relay')('http://relay', behindEnvoy));
});

/** A server whose answers to calls, and to whoever asks for it, carry another session id than it gave. */
async function strangeServer(t: ExecutionContext): Promise<number> {
  const server = createServer(async (request: IncomingMessage, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const { id, method } = parseJsonObject(Buffer.concat(pieces)) ?? {};
    const isStrange = method === 'tools/call' || request.headers['x-strange'] !== undefined;
    response.setHeader('mcp-session-id', isStrange ? 'other' : 'mine');
    if (request.method === 'GET') return response.writeHead(405).end();
    if (id === undefined) return response.writeHead(202).end();
    const result =
      method === 'initialize'
        ? { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } }
        : { tools: [], content: [] };
    response.setHeader('content-type', 'application/json');
    return response.end(JSON.stringify({ jsonrpc: '2.0', id, result }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test('rigs without an SDK fail on it, too', async (t) => {
  const port = await strangeServer(t);
  const url = `http://127.0.0.1:${port}/mcp`;
  const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call"}';
  const other = { message: /mine.*other/ };
  await t.throwsAsync(exchange(url, { headers, body }), other);
  await t.throwsAsync(openStream(url, { headers: { ...headers, 'x-strange': '1' } }), other);
  const raw = rawRequest('POST', '/mcp', [...postHeaders(body), ['Mcp-Session-Id', 'mine']], body);
  await t.throwsAsync(rawExchange(port, raw), other);
  await t.notThrowsAsync(rawExchange(port, rawRequest('POST', '/mcp', postHeaders(body), body)));
});

const fails = (kind: OfficialKind) => async (t: ExecutionContext) => {
  t.timeout(60_000);
  const url = `http://127.0.0.1:${await strangeServer(t)}/mcp`;
  const client = await connectAny(kind, { url, timeoutSeconds: 20 });
  if (typeof client === 'string') return t.fail(client);
  t.teardown(() => client.close());
  const heard = await client.call('any');
  t.regex('error' in heard ? heard.error.message : JSON.stringify(heard), /mine.*other/);
};
const title = (kind: OfficialKind): string => `${OFFICIAL_CLIENTS[kind]} fails on it in every rig`;

for (const kind of ['v1', 'v2-legacy'] as const) test.serial(title(kind), fails(kind));
for (const kind of FOREIGN_KINDS)
  testWith('npm run clients once', findForeignClient(kind) !== null, title(kind), fails(kind));
