import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import test from 'ava';
import { rawExchange } from '../../../deploy/test/clients/raw-http.ts';
import { freePort } from '../../../deploy/test/mesh/free-port.ts';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { parseJsonObject } from '../../../proto/parse-json.ts';
import { createAuthority, issueLeaf } from '../../certs/authority.ts';
import type { Echo } from '../testing/stub-replica.ts';

import { edge } from '../testing/test-edge.ts';
test('requests are balanced over the gateways, with where they came from', async (t) => {
  const { ask } = await edge(t);
  const seen = new Set<string>();
  await waitFor(
    async () => {
      const { body } = await ask({ 'x-holdfast-host': '1.2.3.4:5', host: 'mcp.example' });
      seen.add(body.at);
      t.truthy(body.headers['x-forwarded-for']);
      t.deepEqual(
        [body.headers['x-forwarded-proto'], body.headers['host'], body.headers['x-holdfast-host'], body.path],
        ['http', 'mcp.example', undefined, '/mcp/linear'],
      );
      return seen.size === 2;
    },
    { what: 'both gateways answer' },
  );
});

test('no request is lost when a gateway dies, and it is back as soon as its health check answers', async (t) => {
  const { ask, one, addresses } = await edge(t, { settings: 'ejectForMs: 600000' });
  while ((await ask()).body.at !== 'one');
  await one.stop();
  for (let i = 0; i < 30; i++) t.is((await ask()).body.at, 'two');
  await one.start(Number(addresses[0]!.split(':')[1]));
  while ((await ask()).body.at !== 'one');
  t.pass();
});

test('for a gateway that dies before its answer begins, the edge answers in the form that clients survive', async (t) => {
  const { port } = await edge(t);
  const post = async (body: unknown, headers: Record<string, string> = { 'mcp-session-id': 'cut' }) => {
    const answer = await fetch(`http://127.0.0.1:${port}/mcp/linear`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: parseJsonObject(Buffer.from(await answer.arrayBuffer())) ?? {} };
  };
  const call = (id: unknown, more: object = {}) => ({ jsonrpc: '2.0', id, method: 'tools/call', params: more });
  for (const id of [7, 'seven', 0]) {
    const told = await post(call(id));
    t.is(told.status, 200);
    t.like(told.body, { id, error: { code: -31001, data: { outcome: 'sent_no_response', retrySafe: false } } });
  }
  t.is((await post({ jsonrpc: '2.0', method: 'notifications/cancelled' })).status, 202, 'nobody waits for an answer');
  const revision = { 'mcp-protocol-version': '2025-06-18' };
  t.like(await post(call(7), { ...revision, 'x-special': 'cut' }), { status: 200, body: { id: 7 } }, 'no session ids');
  t.like(await post(call(7), { 'x-special': 'cut' }), { status: 503, body: { id: 7 } });
  const batch = await post([call(1), call(2)]);
  t.like(batch, { status: 503, body: { id: null } });
  const long = await post(call(7, { text: 'x'.repeat(10_000) }));
  t.like(long, { status: 503, body: { id: null, error: { code: -31001 } } }, 'its id was not read');
  const passed = await post(call(7, { text: 'x'.repeat(2_000_000) }), {});
  t.true(Number(passed.body['bytes']) > 2_000_000, 'what is not read may be as long as it likes');
});

test('what a gateway had that is lost goes to another one, whose relay is told so', async (t) => {
  const { port, one } = await edge(t);
  const post = async (special: string, headers: Record<string, string> = {}) => {
    const all = { 'content-type': 'application/json', accept: 'text/event-stream', 'x-special': special, ...headers };
    const body = '{"jsonrpc":"2.0","id":7,"method":"tools/call"}';
    const answer = await fetch(`http://127.0.0.1:${port}/mcp/linear`, { method: 'POST', headers: all, body });
    return { status: answer.status, body: parseJsonObject(Buffer.from(await answer.arrayBuffer())) ?? {} };
  };
  const sentBefore = ({ body }: { body: object }) =>
    Number((body as { headers?: Echo['headers'] }).headers?.['holdfast-sent']);
  const forged = await post('', { 'holdfast-sent': '5' });
  t.deepEqual([forged.status, sentBefore(forged)], [200, 0], 'no client says so');
  while (one.seen.every(({ headers }) => headers['x-special'] !== 'cut at one')) {
    const answer = await post('cut at one');
    t.like(answer, { status: 200, body: { at: 'two' } });
    const isRepeated = one.seen.some(({ headers }) => headers['x-special'] === 'cut at one');
    t.is(sentBefore(answer) > 0, isRepeated);
  }
  t.like(
    await post('cut'),
    { status: 503, body: { error: { data: { outcome: 'sent_no_response' } } } },
    'both lost it',
  );
  // What is not JSON is no call, and only relays know what may be repeated.
  const seen = () => one.seen.filter(({ headers }) => headers['x-special'] === 'cut').length;
  const before = seen();
  while (seen() === before) await post('cut', { 'content-type': 'text/plain' });
  t.pass();
});

test('a client that comes back to a call is not kept waiting by a gateway that says nothing', async (t) => {
  const { ask, one } = await edge(t, { settings: 'ejectAfterFailures: 100' });
  const resumption = { accept: 'text/event-stream', 'last-event-id': 'hf1.sealed', 'x-special': 'slow at one' };
  while (one.seen.every(({ headers }) => headers['x-special'] !== 'slow at one')) {
    const { body } = await ask(resumption);
    t.is(body.at, 'two');
    const isSecond = one.seen.some(({ headers }) => headers['x-special'] === 'slow at one');
    t.is(Number(body.headers['holdfast-sent']) > 0, isSecond, 'its relay hears that another one was asked');
  }
});

test('whatever stands for an id, the edge writes JSON, and never another id than the client’s on an answer that counts', async (t) => {
  const { port } = await edge(t);
  const head =
    'POST /mcp/linear HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\naccept: text/event-stream\r\nmcp-session-id: cut\r\n';
  t.is((await rawExchange(port, `${head}host: y\r\ncontent-length: 0\r\n\r\n`)).status, 400, 'several hosts');
  const told = async (body: string | Buffer) => {
    const bytes = Buffer.from(body as string);
    const answer = await rawExchange(port, [`${head}content-length: ${bytes.length}\r\n\r\n`, bytes]);
    return { status: answer.status, id: parseJsonObject(Buffer.from(answer.body))?.['id'] };
  };
  const call = (id: string): string => `{"jsonrpc":"2.0","id":${id},"method":"tools/call"}`;
  for (const id of ['-7', '1.5', '9007199254740990', '"a\\u0000\\n\\"\\\\"', '"äß😀"', '"%REQ(host)%"', '""'])
    t.deepEqual(await told(call(id)), { status: 200, id: JSON.parse(id) as unknown }, id);
  const unknown = ['9007199254740993', '9223372036854775807', '1e400', 'true', 'null', '{"a":1}', '[1]', '"\\ud800"'];
  const long = `"${'x'.repeat(9000)}"`;
  for (const id of [...unknown, long]) t.is((await told(call(id))).status, 503, id.slice(0, 40));
  for (const body of [
    '{"id":5,"id":{}, "method":"x"}',
    `{"id":5,"method":"x","params":${'['.repeat(4000)}${']'.repeat(4000)}}`,
    '{"id":5,"method":x}',
    Buffer.from([...Buffer.from('{"id":"'), 0xff, ...Buffer.from('","method":"x"}')]),
    '5',
    '',
  ])
    t.deepEqual(await told(body), { status: 503, id: null });
  t.is(
    (await told('{"jsonrpc":"2.0","id":5,"result":{}}')).status,
    202,
    'a client’s answer: 5 may be a call of its own',
  );
});

test('connections to gateways are probed: one whose machine is gone sends neither FIN nor RST', async (t) => {
  const { ask, addresses } = await edge(t);
  const ports = addresses.map((address) => Number(address.split(':')[1]));
  // proc(5): rem_address is the third column, st the fourth (01: established), and tr the sixth (02: a keep-alive timer runs).
  const isProbed = async (): Promise<boolean> => {
    await ask();
    const rows = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map((row) => row.trim().split(/\s+/));
    return rows.some(([, , remote, state, , timer]) => {
      const port = Number.parseInt(remote?.split(':')[1] ?? '', 16);
      return ports.includes(port) && state === '01' && timer?.startsWith('02') === true;
    });
  };
  await t.notThrowsAsync(waitFor(isProbed, { what: 'a connection that is probed' }));
});

test('a GET stream that has missed two comments of its relay ends; without a guard of streams it may be quiet', async (t) => {
  const held = await edge(t, { server: 'timeouts: {keepAliveMs: 1000}' });
  const free = await edge(t, { server: 'timeouts: {keepAliveMs: 1000}, guard: [calls]' });
  const open = (port: number) =>
    fetch(`http://127.0.0.1:${port}/mcp/linear`, {
      headers: { accept: 'text/event-stream', 'mcp-session-id': 'slow' },
    });
  const leaving = new AbortController();
  t.teardown(() => leaving.abort());
  let isFreeOver = false;
  const waiting = fetch(`http://127.0.0.1:${free.port}/mcp/linear`, {
    headers: { accept: 'text/event-stream', 'mcp-session-id': 'slow' },
    signal: leaving.signal,
  }).finally(() => {
    isFreeOver = true;
  });
  waiting.catch(() => undefined);
  t.is((await open(held.port)).status, 503);
  t.false(isFreeOver);
});

test('a draining gateway gets no new request', async (t) => {
  const { ask } = await edge(t, { isSecondDraining: true });
  for (let i = 0; i < 20; i++) t.is((await ask()).body.at, 'one');
});

test('a WebSocket passes', async (t) => {
  const { port } = await edge(t);
  const answer = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connectPlain(port, '127.0.0.1', () =>
      socket.write(
        'GET /mcp HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: x\r\nsec-websocket-version: 13\r\n\r\n',
      ),
    );
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.on('close', () => resolve(text));
  });
  t.regex(answer, /^HTTP\/1.1 101 [^]*hello$/);
});

test('renewed certificates are shown without a restart, and the connection that stands goes on', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-edge-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const authority = await createAuthority({ name: 'test', days: 2, now: new Date() });
  const renew = async () => {
    const leaf = await issueLeaf(authority, { name: 'localhost', altNames: ['127.0.0.1'], days: 1, now: new Date() });
    for (const [name, text] of [
      ['tls.key', leaf.key],
      ['tls.crt', leaf.certificate],
    ] as const) {
      await writeFile(join(folder, `${name}.new`), text);
      await rename(join(folder, `${name}.new`), join(folder, name));
    }
  };
  await renew();
  const tlsPort = await freePort();
  const tls = await edge(t, {
    settings: `tlsListen: "127.0.0.1:${tlsPort}", tls: {certificateFile: "${folder}/tls.crt", keyFile: "${folder}/tls.key"}`,
  });
  const shown = () =>
    new Promise<string>((resolve, reject) => {
      request(
        {
          port: tlsPort,
          host: '127.0.0.1',
          ca: authority.certificate,
          servername: 'localhost',
          path: '/mcp/linear',
          agent: false,
        },
        (response) => {
          const { serialNumber } = (response.socket as TLSSocket).getPeerCertificate();
          response.resume().on('end', () => resolve(serialNumber));
        },
      )
        .on('error', reject)
        .end();
    });
  const before = await shown();
  await renew();
  while ((await shown()) === before)
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  t.is((await tls.ask()).status, 200);
});
