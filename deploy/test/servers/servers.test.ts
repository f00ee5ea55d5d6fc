import test from 'ava';
import { connectClient } from '../clients/connect-client.ts';
import { postHeaders, rawExchange, rawRequest } from '../clients/raw-http.ts';
import { startProcess } from '../clients/start-process.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { linear } from './linear/definition.ts';
import { startHost } from './kit/host.ts';
import { Information, readOptions } from './kit/options.ts';
import { SessionTable } from './kit/session-table.ts';

const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
});
const post = (body: string) => rawRequest('POST', '/mcp', postHeaders(body), body);

test('--help and --version are no mistakes', (t) => {
  for (const flag of ['--help', '--version']) t.throws(() => readOptions([flag], 'x'), { instanceOf: Information });
});

test('SIGTERM lets a call in flight finish, ends GET streams, and the process ends by itself', async (t) => {
  const server = await startProcess('linear');
  t.teardown(() => server.kill());
  const client = await connectClient({ kind: 'v1', url: server.url });
  t.teardown(() => client.close());
  const call = client.callTool('wait', { durationMs: 500 });
  await waitFor(async () => (await stats(server.port)).requests >= 4, { what: 'the call is in flight' });
  const exited = server.process.stop();
  t.is((await call).data.waitedMs, 500);
  t.deepEqual(await exited, { code: 0, signal: null });
});

test('sessions beyond the limit are refused with 503 and Retry-After', async (t) => {
  const host = await startHost(linear, readOptions(['--max-sessions', '1'], 'one'));
  t.teardown(() => host.close(0));
  t.is((await rawExchange(host.port, post(initialize))).status, 200);
  const refused = await rawExchange(host.port, post(initialize));
  t.is(refused.status, 503);
  t.is(refused.headers['retry-after'], '1');
});

test('a fault ordered by a test answers the next requests and then ends', async (t) => {
  const host = await startHost(linear, readOptions([], 'faulty'));
  t.teardown(() => host.close(0));
  await fetch(`http://127.0.0.1:${host.port}/__fault?status=503&count=2&retryAfter=3&method=POST`);
  const statuses: number[] = [];
  for (let i = 0; i < 3; i += 1) statuses.push((await rawExchange(host.port, post(initialize))).status);
  t.deepEqual(statuses, [503, 503, 200]);
});

test('a stateless server gives no session id and takes every request', async (t) => {
  const host = await startHost(linear, readOptions(['--stateless'], 'stateless'));
  t.teardown(() => host.close(0));
  const client = await connectClient({ kind: 'v1', url: `http://127.0.0.1:${host.port}/mcp` });
  t.teardown(() => client.close());
  t.is(client.sessionId, undefined);
  t.is((await client.callTool('echo', { text: 'a' })).data.text, 'a');
});

test('an initialize that the transport refuses leaves no session behind', async (t) => {
  const host = await startHost(linear, readOptions([], 'tidy'));
  t.teardown(() => host.close(0));
  t.is(
    (
      await rawExchange(
        host.port,
        rawRequest(
          'POST',
          '/mcp',
          [
            ['Host', 'a'],
            ['Content-Type', 'application/json'],
            ['Content-Length', String(initialize.length)],
          ],
          initialize,
        ),
      )
    ).status,
    406,
  );
  t.is((await stats(host.port)).sessions, 0);
});

test('idle sessions are reaped, sessions with an open request are not', (t) => {
  const table = new SessionTable<{ lastUsedMs: number; openRequests: number; close(): Promise<void> }>({
    max: 2,
    ttlMs: 100,
  });
  table.add('idle', { lastUsedMs: 0, openRequests: 0, close: async () => {} });
  table.add('busy', { lastUsedMs: 0, openRequests: 1, close: async () => {} });
  t.true(table.isFull);
  t.is(table.reap(100).length, 0);
  t.is(table.reap(101).length, 1);
  t.truthy(table.use('busy', 200));
});

test('a bad release fails the share of tool calls that was asked for, as tools fail, and nothing else', async (t) => {
  let calls = 0;
  const host = await startHost(
    linear,
    readOptions(['--tool-error-rate', '0.25'], 'bad'),
    Date.now,
    () => (calls++ % 4) / 4,
  );
  t.teardown(() => host.close(0));
  const client = await connectClient({ kind: 'v1', url: `http://127.0.0.1:${host.port}/mcp` });
  t.teardown(() => client.close());
  const answers = [];
  for (let i = 0; i < 8; i++) answers.push((await client.callTool('echo', { text: 'a' })).isError);
  t.deepEqual(answers, [true, false, false, false, true, false, false, false]);
  t.true((await client.listTools()).length > 0);
});

test('a wrong flag is refused with what was expected', (t) => {
  t.throws(() => readOptions(['--port', '70000'], 'x'), {
    message: '--port 70000: expected a whole number from 0 to 65535',
  });
  t.throws(() => readOptions(['--sse-only', '--json-responses'], 'x'), { message: /exclude each other/ });
  t.throws(() => readOptions(['--tool-error-rate', '5'], 'x'), {
    message: '--tool-error-rate 5: expected a number from 0 to 1',
  });
  t.throws(() => readOptions(['--tls-key', 'key.pem'], 'x'), { message: /belong together/ });
});

async function stats(port: number): Promise<{ requests: number; sessions: number }> {
  return (await fetch(`http://127.0.0.1:${port}/__stats`)).json() as Promise<{ requests: number; sessions: number }>;
}
