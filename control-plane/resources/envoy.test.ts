import { connect } from 'node:net';
import test from 'ava';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { RPC_ERROR } from '../../proto/rpc-error.ts';
import { gateway } from './testing/test-gateway.ts';

test('guarded: the relay gets the request, with both ids and the replica behind it; with the relay dead the replica does', async (t) => {
  const { send, relay, first, relayAt } = await gateway(t);
  const { body, headers } = await send({ 'mcp-session-id': '1~abc' });
  t.is(body.at, 'relay');
  t.is(body.path, '/mcp');
  t.like(body.headers, {
    'mcp-session-id': 'abc',
    'x-holdfast-session': '1~abc',
    'x-holdfast-server': 'linear',
    'x-holdfast-host': `${relayAt},${first}`,
    'x-envoy-attempt-count': '1',
  });
  t.is(headers['mcp-session-id'], '1~abc');
  await relay.stop();
  const direct = await send({ 'mcp-session-id': '1~abc' });
  t.is(direct.body.at, 'one');
  t.is(direct.headers['mcp-session-id'], '1~abc');
});

test('steady: each slot’s sessions meet their replica; a dead one, or one that has forgotten the session, is followed by the relay with the whole body', async (t) => {
  const { send, one } = await gateway(t, 'guard: off,');
  t.is((await send({ 'mcp-session-id': '1~abc' })).body.at, 'one');
  t.is((await send({ 'mcp-session-id': '2~abc' })).body.at, 'two');
  t.is((await send({ 'mcp-session-id': '2~abc' }, { method: 'GET' })).body.at, 'two');
  t.is((await send({ 'mcp-session-id': '2~abc' }, { method: 'DELETE' })).body.at, 'relay');
  const body = Buffer.alloc(9_999, ' ');
  const forgotten = await send({ 'mcp-session-id': '1~forgotten' }, { body });
  t.deepEqual(
    [
      forgotten.body.at,
      forgotten.body.bytes,
      forgotten.body.headers['x-envoy-attempt-count'],
      forgotten.body.headers['x-holdfast-session'],
    ],
    ['relay', 9_999, '2', '1~forgotten'],
  );
  await one.stop();
  const dead = await send({ 'mcp-session-id': '1~abc' }, { body });
  t.deepEqual([dead.body.at, dead.body.bytes], ['relay', 9_999]);
});

test('a pin is followed whatever Envoy thinks of the host’s health; without one only those that take new sessions are chosen', async (t) => {
  const { send, one, two } = await gateway(t, 'guard: off,', {
    weights: new Map([['linear', new Map([['stable', 0]])]]),
  });
  t.is((await send({ 'mcp-session-id': '1~abc' })).body.at, 'one');
  t.is((await send({ 'mcp-method': 'tools/list', 'mcp-protocol-version': '2026-07-28' })).body.at, 'relay');
  t.deepEqual([one.seen.length, two.seen.length], [1, 0]);
});

test('other sessions and the beginning of HTTP+SSE go to the relay', async (t) => {
  const { send } = await gateway(t);
  for (const session of ['9~abc', '1p~abc', 'no-slot', '~', `1x~${'y'.repeat(8000)}`]) {
    const { body } = await send({ 'mcp-session-id': session });
    t.deepEqual(
      [body.at, body.headers['x-holdfast-way'], body.headers['x-holdfast-session']],
      ['relay', 'relay', session],
    );
  }
  t.is((await send({}, { method: 'GET' })).body.at, 'relay');
});

test('what a client says of the mesh’s own headers is not heard', async (t) => {
  const { send, second } = await gateway(t, 'guard: off,');
  const { body } = await send({
    'mcp-session-id': '1~abc',
    'x-holdfast-host': second,
    'x-holdfast-evil': '1',
    'x-envoy-upstream-rq-timeout-ms': '1',
    'x-envoy-attempt-count': '7',
    'x-holdfast-session': '2~x',
  });
  t.is(body.at, 'one');
  t.deepEqual(
    [body.headers['x-holdfast-evil'], body.headers['x-holdfast-session'], body.headers['x-envoy-attempt-count']],
    [undefined, '1~abc', '1'],
  );
  const cut = await send({ 'mcp-session-id': '1~cut', 'x-envoy-retry-on': 'reset,5xx', 'x-envoy-max-retries': '5' });
  t.is(cut.body.error?.code, RPC_ERROR.replicaLost);
});

test('a replica lost with the request gives an error with the request’s id, and never a second execution', async (t) => {
  const { send, one } = await gateway(t, 'guard: off,');
  const { status, headers, body } = await send({ 'mcp-session-id': '1~cut' });
  t.deepEqual([status, headers['retry-after'], headers['content-type'], body.id], [503, '1', 'application/json', 77]);
  t.like(body.error, {
    code: RPC_ERROR.replicaLost,
    data: {
      outcome: 'sent_no_response',
      retrySafe: false,
      server: 'linear',
      replica: '1',
      attempts: 1,
      sessionRecovered: false,
    },
  });
  t.is(one.seen.length, 1);
  t.is(
    (await send({ 'mcp-session-id': '1~cut' }, { body: '{"jsonrpc":"2.0","id":"s-1","method":"ping"}' })).body.id,
    's-1',
  );
});

test('a call that no relay holds ends after callMs without a byte, with an error that has its id; a stream may be quiet', async (t) => {
  const { send, one } = await gateway(t, 'guard: off, timeouts: {callMs: 300},');
  let isStreamOver = false;
  const stream = send({ 'mcp-session-id': '1~slow' }, { method: 'GET' }).then(
    () => {
      isStreamOver = true;
    },
    () => {},
  );
  const { status, body } = await send({ 'mcp-session-id': '1~slow' });
  t.like(
    { status, ...body },
    {
      status: 503,
      id: 77,
      error: { code: RPC_ERROR.deadline, data: { outcome: 'sent_no_response', retrySafe: false } },
    },
  );
  t.false(isStreamOver);
  await one.stop();
  await stream;
});

test('with nobody left the answer is 503 at once, safe to repeat', async (t) => {
  const { send, one, two, relay } = await gateway(t, 'guard: off,');
  await Promise.all([one.stop(), two.stop(), relay.stop()]);
  const { status, body } = await send({ 'mcp-session-id': '1~abc' });
  t.is(status, 503);
  t.like(body, { id: 77, error: { code: RPC_ERROR.noReplica, data: { outcome: 'not_sent', retrySafe: true } } });
});

test('without a sidecar to ask, requests that need a decision get 503, safe to repeat', async (t) => {
  const { send } = await gateway(t);
  const { status, body, headers } = await send();
  t.deepEqual([status, headers['retry-after'], body.id, body.error?.data['retrySafe']], [503, '1', 77, true]);
  t.notRegex(JSON.stringify(body), /127\.0\.0\.1/);
});

test('bodies: short ones go straight to a replica, long ones to the relay; answers of any size pass', async (t) => {
  const { send } = await gateway(t, 'guard: off, maxBodyBytes: 50000,');
  const at = async (bytes: number) =>
    (await send({ 'mcp-session-id': '1~abc' }, { body: Buffer.alloc(bytes, ' ') })).body.at;
  t.deepEqual([await at(9999), await at(10_000), await at(5_000_000)], ['one', 'relay', 'relay']);
  t.is((await send({ 'mcp-session-id': '1~abc', 'x-answer-bytes': '20000000' })).body.filler?.length, 20_000_000);
});

test('bad input gets a clear status and a JSON-RPC error, and the gateway goes on', async (t) => {
  const { send, port } = await gateway(t, 'guard: off,');
  t.like(await send({}, { path: '/mcp/linearx' }), { status: 404, body: { error: { code: RPC_ERROR.noRoute } } });
  t.like(await send({}, { path: '/elsewhere' }), { status: 404, body: { error: { code: RPC_ERROR.noRoute } } });
  t.like(await send({}, { path: '/mcp/%2e%2e%2fadmin' }), {
    status: 400,
    body: { error: { code: RPC_ERROR.badRequest } },
  });
  // Envoy matches and sends two session ids joined: no replica knows such a session.
  t.is((await send({ 'mcp-session-id': ['1~abc', '2~abc'] })).body.headers['mcp-session-id'], 'abc,2~abc');
  for (const [text, status] of [
    ['POST /mcp/linear HTTP/1.0\r\nhost: x\r\ncontent-length: 0\r\n\r\n', '503'],
    ['NONSENSE\r\n\r\n', '400'],
    ['POST /mcp/linear HTTP/1.1\r\nhost: x\r\nmcp-session-id: 1~a\r\nhost: y\r\ncontent-length: 0\r\n\r\n', '400'],
    ['GET /health HTTP/1.1\r\nhost: x\r\nhost: x\r\n\r\n', '400'],
    ['GET /mcp/linear HTTP/1.1\r\nhost: x\r\nmcp-session-id: a\x01b\r\n\r\n', '400'],
    // Not UTF-8, and an id all the same: a GET without one would be the relay's.
    ['GET /mcp/linear HTTP/1.1\r\nhost: x\r\nmcp-session-id: \xff\r\n\r\n', '503'],
  ] as const) {
    t.is((await raw(port, text)).split(' ')[1], status);
  }
  t.is((await send({ 'mcp-session-id': '1~abc' })).status, 200);
});

test('whatever a replica calls an event harms nobody', async (t) => {
  const { send, port } = await gateway(t, 'guard: off,');
  t.regex(
    await raw(port, 'GET /mcp/linear HTTP/1.1\r\nhost: x\r\nmcp-session-id: 1~scalars\r\nconnection: close\r\n\r\n'),
    /^HTTP\/1.1 200 [^]*data: null/,
  );
  t.is((await send({ 'mcp-session-id': '1~abc' })).status, 200);
});

test('one server is reached at /mcp as well, a WebSocket passes, and OAuth documents are asked for by the sidecar', async (t) => {
  const { send, port } = await gateway(t);
  t.is((await send({ 'mcp-session-id': '1~abc' }, { path: '/mcp?x=1' })).body.path, '/mcp?x=1');
  for (const path of ['/.well-known/oauth-protected-resource/mcp/linear', '/.well-known/oauth-protected-resource'])
    t.like((await send({}, { method: 'GET', path })).body, { at: 'relay', path });
  t.regex(
    await raw(
      port,
      'GET /mcp/linear HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: x\r\nsec-websocket-version: 13\r\n\r\n',
    ),
    /^HTTP\/1.1 101 [^]*hello$/,
  );
  t.is((await send({}, { method: 'GET', path: '/health' })).body.path, '/health');
});

test('foreign Origins and Hosts are refused where the server lists its own', async (t) => {
  const { send } = await gateway(t, 'allowedOrigins: ["https://app.example"], allowedHosts: [mcp.example],');
  const session = { 'mcp-session-id': '1~abc', host: 'mcp.example' };
  t.like(await send({ ...session, origin: 'https://evil.example' }), {
    status: 403,
    body: {
      error: { code: RPC_ERROR.forbidden, message: 'Origin is not allowed for this server (servers[].allowedOrigins)' },
    },
  });
  t.is((await send({ ...session, host: 'evil.example' })).status, 403);
  t.is((await send({ ...session, origin: 'https://app.example' })).status, 200);
  t.is((await send(session)).status, 200);
});

test('steady: limits count each session and each client apart; the relay gets what is beyond, and the replica when the relay is dead', async (t) => {
  const { send, relay, relayAt } = await gateway(
    t,
    'guard: off, rateLimit: {session: {requests: 3, perMs: 3600000}, client: {requests: 8, perMs: 3600000}},',
  );
  const places = async (session: string, count: number) => {
    const found: string[] = [];
    for (let i = 0; i < count; i++) found.push((await send({ 'mcp-session-id': session })).body.at);
    return found;
  };
  t.deepEqual(await places('1~a', 4), ['one', 'one', 'one', 'relay']);
  t.deepEqual(await places('2~a', 3), ['two', 'two', 'two']);
  t.true((await places('1~b', 3)).includes('relay'));
  const { body } = await send({ 'mcp-session-id': '1~a' });
  t.like(body, { at: 'relay', headers: { 'x-holdfast-rate-limited': `${relayAt},`, 'x-holdfast-session': '1~a' } });
  const modern = { 'mcp-method': 'tools/list', 'mcp-protocol-version': '2026-07-28' };
  t.like((await send(modern)).body, { at: 'relay', headers: { 'x-holdfast-rate-limited': `${relayAt},` } });
  await relay.stop();
  t.is((await send({ 'mcp-session-id': '1~a' })).body.at, 'one');
});

test('guarded: beyond a limit the relay is told, which answers', async (t) => {
  const { send, relayAt } = await gateway(
    t,
    'rateLimit: {session: {requests: 3, perMs: 3600000}, client: {requests: 8, perMs: 3600000}},',
  );
  const told = async (headers: Record<string, string>, count: number) => {
    const found: unknown[] = [];
    for (let i = 0; i < count; i++) {
      const { status, body } = await send(headers);
      found.push(status === 200 ? (body.headers['x-holdfast-rate-limited'] ?? 'passes') : status);
    }
    return found;
  };
  t.deepEqual(await told({ 'mcp-session-id': '1~a', 'x-holdfast-rate-limited': '1' }, 4), [
    ...['passes', 'passes', 'passes', `${relayAt},`],
  ]);
  t.deepEqual(await told({ 'mcp-session-id': '2~a' }, 3), ['passes', 'passes', 'passes']);
  t.true((await told({ 'mcp-session-id': '9~b' }, 3)).includes(`${relayAt},`));
  // The era without sessions: the client's own limit is over, whatever the relay's routes.
  const modern = { 'mcp-method': 'tools/call', 'mcp-name': 'x', 'mcp-protocol-version': '2026-07-28' };
  t.deepEqual(await told(modern, 1), [`${relayAt},`]);
  t.deepEqual(
    (await send({ 'mcp-session-id': '1~a' }, { method: 'GET' })).body.headers['x-holdfast-rate-limited'],
    `${relayAt},`,
  );
});

test('what a relay answered is left to the relay to report; all else is in the access log', async (t) => {
  const { send, envoy, relay } = await gateway(t);
  const logged = async () => {
    const stats = await envoy.stats('open_telemetry_access_log');
    return (
      (stats['access_logs.open_telemetry_access_log.logs_written'] ?? 0) +
      (stats['access_logs.open_telemetry_access_log.logs_dropped'] ?? 0)
    );
  };
  for (let i = 0; i < 5; i++) await send({ 'mcp-session-id': i % 2 ? '1~abc' : '9~abc' });
  await relay.stop();
  await send({ 'mcp-session-id': '1~abc' });
  await send({}, { path: '/elsewhere' });
  // Envoy counts a batch when it has delivered it. Had the first five been logged, they would have come before the last.
  await waitFor(async () => (await logged()) >= 2, { what: 'two requests in the log' });
  await send({}, { path: '/elsewhere' });
  await waitFor(async () => (await logged()) >= 3, { what: 'a third request in the log' });
  t.is(await logged(), 3);
});

/** What comes back on a plain connection until it ends or is quiet after something came. */
function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text, 'latin1'));
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
      if (/hello$|}\s*$/.test(answer)) socket.end();
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}
