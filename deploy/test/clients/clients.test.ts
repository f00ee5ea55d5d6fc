import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { waitFor } from '../mesh/wait-for.ts';
import { readLedger } from '../servers/kit/ledger.ts';
import { alternatingFetch } from './alternating-fetch.ts';
import { connectClient } from './connect-client.ts';
import { errorCode } from './mcp-client.ts';
import type { ClientKind } from './mcp-client.ts';
import { postHeaders, rawExchange, rawRequest } from './raw-http.ts';
import { startProcess } from './start-process.ts';
import type { StartedServer } from './start-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'holdfast-clients-'));
const ledger = join(folder, 'ledger');
let linear: StartedServer, queryquill: StartedServer, fixture: StartedServer;

test.before(async () => {
  [linear, queryquill, fixture] = await Promise.all([
    startProcess('linear', ['--ledger', ledger, '--http-sse']),
    startProcess('queryquill', ['--json-responses']),
    startProcess('fixture', ['--sdk', 'v2']),
  ]);
});
test.after.always(async () => {
  await Promise.all([linear?.kill(), queryquill?.kill(), fixture?.kill()]);
  rmSync(folder, { recursive: true, force: true });
});

const handlers = {
  sampling: (prompt: string) => `you said ${prompt}`,
  elicitation: (message: string) => ({ action: 'accept' as const, content: { answer: `${message} yes` } }),
  roots: ['file:///home/project'],
};

for (const kind of ['v1', 'v2-legacy', 'v2-auto', 'v1-sse', 'v2-sse'] as ClientKind[]) {
  test(`${kind}: everything a session can do works against linear`, async (t) => {
    const client = await connectClient({ kind, url: linear.url, handlers });
    t.teardown(() => client.close());
    t.is(client.sessionId === undefined, kind.endsWith('sse'));
    t.true((await client.listTools()).includes('whoami'));
    await client.callTool('cart_add', { id: 'ENG-1' });
    await client.callTool('cart_add', { id: 'ENG-2' });
    t.deepEqual((await client.callTool('cart')).data.cart, ['ENG-1', 'ENG-2']);
    t.is(await client.readResource('cart:///mine'), '["ENG-1","ENG-2"]');
    t.is(await client.getPrompt('triage', { id: 'ENG-2' }), 'Propose the next step for ENG-2: Export as CSV');
    t.deepEqual(await client.complete('triage', 'id', 'ENG-1'), ['ENG-1']);

    // An official client drops progress that it reads together with the answer. On a busy machine the last ones may be
    // missing, and after a pause all of them.
    await waitFor(
      async () => {
        const steps: number[] = [];
        await client.callTool(
          'watch',
          { durationMs: 300, steps: 3 },
          { onProgress: ({ progress }) => steps.push(progress) },
        );
        t.deepEqual(steps, [1, 2, 3].slice(0, steps.length));
        return steps.length > 0;
      },
      { what: 'progress' },
    );
    // The server drops what it has to say while the client's GET stream has not arrived yet.
    await waitFor(
      async () => {
        await client.callTool('announce', { list: 'prompts' });
        return client.notifications.some(({ method }) => method === 'notifications/prompts/list_changed');
      },
      { what: 'the GET stream', everyMs: 50 },
    );

    for (const via of ['call', 'stream']) {
      t.is((await client.callTool('sample', { prompt: 'hi', via })).data.said, 'you said hi');
      t.deepEqual((await client.callTool('elicit', { question: 'sure?', via })).data.content, { answer: 'sure? yes' });
      t.deepEqual((await client.callTool('roots', { via })).data.roots, ['file:///home/project']);
    }

    await client.subscribe('issue:///ENG-3');
    await client.setLogLevel('warning');
    await client.callTool('update_issue', { id: 'ENG-3', title: 'Login page flickers less' });
    await client.callTool('announce', { list: 'tools' });
    t.false((await client.callTool('say', { level: 'info', message: 'quiet' })).data.wasSent);
    t.true((await client.callTool('say', { level: 'error', message: 'loud' })).data.wasSent);
    for (const method of [
      'notifications/resources/updated',
      'notifications/tools/list_changed',
      'notifications/message',
    ]) {
      await waitFor(() => client.notifications.some((seen) => seen.method === method), { what: method });
    }
    const { data } = await client.callTool('whoami');
    t.is(data.sessionId, client.sessionId ?? data.sessionId);
    t.deepEqual(data.subscriptions, ['issue:///ENG-3']);
    t.is(data.logLevel, 'warning');
  });

  test(`${kind}: a tool's own failure, a thrown error and an unknown tool are told apart`, async (t) => {
    const client = await connectClient({ kind, url: linear.url });
    t.teardown(() => client.close());
    t.true((await client.callTool('fail')).isError);
    t.is(errorCode(await t.throwsAsync(client.callTool('throw'))), -32603);
    t.is(errorCode(await t.throwsAsync(client.callTool('no_such_tool'))), -32602);
  });
}

for (const kind of ['v1', 'v2-legacy'] as ClientKind[]) {
  test(`${kind}: JSON answers, and a deleted session is unknown afterwards`, async (t) => {
    const client = await connectClient({ kind, url: queryquill.url });
    t.is((await client.callTool('run_query', { city: 'Cork' })).data.count, 200);
    await client.callTool('next_page', { size: 7 });
    t.is((await client.callTool('result')).data.position, 7);
    const sessionId = client.sessionId!;
    await client.terminate();
    const body = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
    const answer = await rawExchange(
      queryquill.port,
      rawRequest('POST', '/mcp', [...postHeaders(body), ['Mcp-Session-Id', sessionId]], body),
    );
    t.is(answer.status, 404);
    t.is((JSON.parse(answer.body) as { error: { code: number } }).error.code, -32001);
  });
}

for (const kind of ['v2-modern', 'v2-auto'] as ClientKind[]) {
  test(`${kind}: 2026-07-28 works without a session, with input for the server and notifications`, async (t) => {
    const client = await connectClient({
      kind,
      url: fixture.url,
      handlers: { ...handlers, elicitation: () => ({ action: 'accept', content: { name: 'Ada', color: 'red' } }) },
    });
    t.teardown(() => client.terminate());
    t.is(client.sessionId, undefined);
    t.is(client.protocolVersion, '2026-07-28');
    t.true((await client.listTools()).includes('test_simple_text'));
    t.is((await client.callTool('test_input_required_result_elicitation')).text, 'Hello, Ada!');
    t.is((await client.callTool('test_input_required_result_multi_round')).text, 'Ada likes red');
    const steps: number[] = [];
    await client.callTool('test_tool_with_progress', {}, { onProgress: ({ progress }) => steps.push(progress) });
    t.deepEqual(steps, [0, 50, 100].slice(0, steps.length));
    await client.subscribe('test://watched-resource');
    await client.callTool('test_trigger_resource_update');
    await waitFor(
      () =>
        client.notifications.some(
          ({ method, params }) =>
            method === 'notifications/resources/updated' && params?.uri === 'test://watched-resource',
        ),
      { what: 'the update arrives' },
    );
  });
}

test('every execution of charge is counted in the process and in the ledger file', async (t) => {
  const client = await connectClient({ kind: 'v1', url: linear.url });
  t.teardown(() => client.close());
  await client.callTool('charge', { key: 'order-1' });
  await client.callTool('charge', { key: 'order-1' });
  t.deepEqual((await client.callTool('charges', { key: 'order-1' })).data, { key: 'order-1', here: 2, everywhere: 2 });
  t.is(readLedger(ledger).get('order-1'), 2);
});

test('an alternating fetch sends each request to the next origin and keeps the path', async (t) => {
  const seen: string[] = [];
  const alternating = alternatingFetch(['http://a:1', 'http://b:2'], async (url) => {
    seen.push(String(url));
    return new Response();
  });
  for (let i = 0; i < 3; i += 1) await alternating('http://x/mcp/linear?q=1');
  t.deepEqual(seen, ['http://a:1/mcp/linear?q=1', 'http://b:2/mcp/linear?q=1', 'http://a:1/mcp/linear?q=1']);
  t.deepEqual(alternating.sent, [2, 1]);
});

test('the raw client sends what no library would', async (t) => {
  t.is((await rawExchange(linear.port, 'NOT HTTP\r\n\r\n')).status, 400);
  const two = rawRequest(
    'POST',
    '/mcp',
    [...postHeaders('{}'), ['Mcp-Session-Id', 'a'], ['Mcp-Session-Id', 'b']],
    '{}',
  );
  t.is((await rawExchange(linear.port, two)).status, 404);
});
