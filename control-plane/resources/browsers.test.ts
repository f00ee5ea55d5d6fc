import { connect } from 'node:net';
import test from 'ava';
import { RPC_ERROR } from '../../proto/rpc-error.ts';
import { gateway } from './testing/test-gateway.ts';

const raw = (port: number, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let heard = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (piece) => (heard += piece.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(heard));
  });

const APP = 'https://app.example.com';
const PREFLIGHT = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'mcp-session-id' };

test('by default only pages of this machine pass, at a Host of this machine', async (t) => {
  const { send } = await gateway(t);
  const statusAt = async (origin: string, host: string) =>
    (await send({ 'mcp-session-id': '1~abc', origin, host })).status;
  t.is(await statusAt('http://localhost:6274', 'localhost:37373'), 200);
  t.is(await statusAt('http://[::1]:1', '127.0.0.1'), 200);
  for (const [origin, host] of [
    ['https://evil.example', 'localhost'],
    ['http://attacker.example:1', 'attacker.example:1'],
    ['http://localhost:6274', 'attacker.example'],
    ['null', 'localhost'],
    ['http://127.0.0.1.evil.example', 'localhost'],
  ] as const)
    t.is(await statusAt(origin, host), 403, `${origin} at ${host}`);
  t.is((await send({ 'mcp-session-id': '1~abc', host: 'mcp.example.com' })).status, 200, 'no page');
});

test('listed origins and hosts are compared as such, and `*` lets every page in', async (t) => {
  const { send } = await gateway(
    t,
    'allowedOrigins: ["https://app.example.com", "https://*.apps.example.com"], allowedHosts: ["mcp.example.com"],',
  );
  const statusAt = async (origin: string, host = 'mcp.example.com') =>
    (await send({ 'mcp-session-id': '1~abc', origin, host })).status;
  for (const origin of [APP, 'https://APP.example.com:443', 'https://a.b.apps.example.com'])
    t.is(await statusAt(origin), 200, origin);
  for (const host of ['MCP.example.com', 'mcp.example.com:443', 'mcp.example.com.', 'mcp.example.com:42300'])
    t.is(await statusAt(APP, host), 200, host);
  for (const origin of ['https://evilapps.example.com', `${APP}:8443`, `${APP}.evil.example`, 'http://localhost:1'])
    t.is(await statusAt(origin), 403, origin);
  t.is(await statusAt(APP, 'mcp.example.com.evil.example'), 403);
  const all = await gateway(t, 'allowedOrigins: ["*"],');
  t.is((await all.send({ 'mcp-session-id': '1~abc', origin: 'https://any.example' })).status, 200);
});

test('only the methods and the path of MCP reach a replica; a slash at the end is served', async (t) => {
  const { send, port } = await gateway(t);
  for (const method of ['PUT', 'PATCH', 'TRACE', 'HEAD', 'PROPFIND', 'MADE-UP']) {
    const text = await raw(port, `${method} /mcp/linear HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
    t.regex(text, /^HTTP\/1.1 40[05] /, method);
  }
  for (const path of ['/mcp/linear/x', '/mcp/linear//x', '/mcp/linear/../..', '/mcp/linearx', '/mcp/linear/x/', '/']) {
    const text = await raw(port, `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
    t.regex(text, /^HTTP\/1.1 (404|400) /, path);
  }
  for (const path of ['/mcp/linear/', '/mcp/linear/?key=k']) {
    const { status, body } = await send({ 'mcp-session-id': '1~abc' }, { path });
    t.is(status, 200, path);
    t.is(body.path.split('?')[0], '/mcp', path);
  }
  const coded = await raw(
    port,
    'POST /mcp/linear HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: identity, chunked\r\n\r\n0\r\n\r\n',
  );
  t.regex(coded, /^HTTP\/1.1 501 [^]*"retrySafe":false/);
  t.true(coded.includes(String(RPC_ERROR.badRequest)));
});

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0';
/** The first frame that comes back, by its type: 4 is SETTINGS; null: none came. */
const firstFrame = (port: number, localAddress = '127.0.0.1'): Promise<number | null> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress }, () => socket.write(PREFACE, 'latin1'));
    socket.on('error', reject);
    socket.once('data', (bytes) => {
      resolve(bytes.toString('latin1').startsWith('HTTP/1.1 ') ? null : (bytes[3] ?? null));
      socket.destroy();
    });
    socket.once('close', () => resolve(null));
  });

test('without TLS HTTP/2 is served where the operator opened it, and nowhere else', async (t) => {
  t.is(await firstFrame((await gateway(t)).port), null);
  t.is(await firstFrame((await gateway(t, '', {}, 'gateway: {http2: true}\n')).port), 4);
});

test('without TLS edges may speak HTTP/2, and nobody from another address', async (t) => {
  const { port, send } = await gateway(t, '', {}, 'gateway: {edgeAddresses: ["127.0.0.2/32"]}\n');
  t.is(await firstFrame(port, '127.0.0.2'), 4);
  t.is(await firstFrame(port, '127.0.0.1'), null);
  t.is((await send({ 'mcp-session-id': '1~abc' })).status, 200);
});

test('HTTP/1.0 is served, with and without Host', async (t) => {
  const { port } = await gateway(t);
  t.regex(await raw(port, 'GET /health HTTP/1.0\r\n\r\n'), /^HTTP\/1.[01] 200 /);
  const call = 'POST /mcp/linear HTTP/1.0\r\nhost: x\r\ncontent-type: application/json\r\nmcp-session-id: 1~a\r\n';
  t.regex(await raw(port, `${call}content-length: 2\r\n\r\n{}`), /^HTTP\/1.[01] 200 /);
});

test('with a CORS policy preflights need no token, and every answer of an allowed page can be read', async (t) => {
  const { send } = await gateway(
    t,
    `allowedOrigins: ["${APP}"], cors: {exposeHeaders: [x-mine], allowHeaders: [x-key]},`,
  );
  const preflight = await send({ origin: APP, ...PREFLIGHT }, { method: 'OPTIONS' });
  t.is(preflight.status, 200);
  t.like(preflight.headers, { 'access-control-allow-origin': APP, 'access-control-max-age': '600' });
  t.regex(String(preflight.headers['access-control-allow-headers']), /mcp-session-id.*x-key/);
  t.regex(String(preflight.headers['access-control-allow-methods']), /DELETE/);
  const answer = await send({ 'mcp-session-id': '1~abc', origin: APP });
  t.is(answer.headers['access-control-allow-origin'], APP);
  t.regex(String(answer.headers['access-control-expose-headers']), /mcp-session-id.*x-mine/);
  // Answers of the mesh itself: no ext_proc answers here, and PUT is refused.
  for (const own of [await send({ origin: APP }), await send({ origin: APP }, { method: 'PUT' })]) {
    t.true(own.status >= 400);
    t.is(own.headers['access-control-allow-origin'], APP);
  }
  const foreign = await send({ 'mcp-session-id': '1~abc', origin: 'https://evil.example' });
  t.is(foreign.status, 403);
  t.is(foreign.headers['access-control-allow-origin'], undefined);
});

test('without a policy here a preflight reaches the replicas, which may have one', async (t) => {
  const { send } = await gateway(t, `allowedOrigins: ["${APP}"],`);
  const { status, body } = await send({ origin: APP, ...PREFLIGHT }, { method: 'OPTIONS' });
  t.is(status, 200);
  t.true(['one', 'two'].includes(body.at));
});

test('behind a trusted proxy the client’s address and scheme are those that it tells', async (t) => {
  const told = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https', 'mcp-session-id': '1~abc' };
  const behind = await gateway(t, '', {}, 'edge: {}\n');
  const seen = (await behind.send(told)).body.headers;
  t.is(seen['x-forwarded-proto'], 'https');
  t.regex(String(seen['x-forwarded-for']), /^203\.0\.113\.7/);
  const open = await gateway(t);
  t.is((await open.send(told)).body.headers['x-forwarded-proto'], 'http');
});

test('where it is known what connects from edges, nobody else says who the client is', async (t) => {
  const told = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https', 'mcp-session-id': '1~abc' };
  const schemeFrom = async (block: string): Promise<string | string[] | undefined> => {
    const { send } = await gateway(t, '', {}, `edge: {}\ngateway: {edgeAddresses: ["${block}"]}\n`);
    return (await send(told)).body.headers['x-forwarded-proto'];
  };
  t.deepEqual([await schemeFrom('127.0.0.1/32'), await schemeFrom('127.0.0.2/32')], ['https', 'http']);
});

test('a request that goes round between meshes ends at the 33rd proxy, without a replica', async (t) => {
  const { send, port } = await gateway(t);
  const through = (count: number): string => Array(count).fill('10.0.0.1').join(', ');
  t.is((await send({ 'mcp-session-id': '1~abc', 'x-forwarded-for': through(31) })).status, 200);
  const text = await raw(
    port,
    `POST /mcp/linear HTTP/1.1\r\nhost: x\r\nconnection: close\r\nmcp-session-id: 1~a\r\nx-forwarded-for: ${through(33)}\r\ncontent-length: 2\r\n\r\n{}`,
  );
  t.regex(text, /^HTTP\/1.1 400 [^]*do two meshes name each other as replicas\?/);
});

test('a replica that checks Origin against its own address gets the one that is set, or none', async (t) => {
  const open = 'allowedOrigins: ["https://app.example.com"],';
  const own = await gateway(t, `${open} originOverride: "http://10.0.0.1:3000",`);
  const call = { 'mcp-session-id': '1~abc' };
  t.is((await own.send({ ...call, origin: APP })).body.headers['origin'], 'http://10.0.0.1:3000');
  t.is((await own.send(call)).body.headers['origin'], undefined);
  const none = await gateway(t, `${open} originOverride: none,`);
  t.is((await none.send({ ...call, origin: APP })).body.headers['origin'], undefined);
});
