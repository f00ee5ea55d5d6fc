import type { ServerResponse } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { event, json, sse } from '../testing/fake-replica.ts';
import { callsAt, modernPost, modernRig } from '../testing/modern-rig.ts';
import type { RelayRig } from '../testing/relay-rig.ts';

async function cacheRig(
  t: ExecutionContext,
  result: Record<string, unknown>,
  policy: Record<string, unknown> = { sharedCache: true },
) {
  const rig = await modernRig(t, policy);
  for (const replica of rig.replicas)
    replica.answer = ({ message, response }) => {
      json(response, { jsonrpc: '2.0', id: message.id, result });
      return true;
    };
  return {
    ...rig,
    asked: (method: string) => rig.replicas.reduce((sum, replica) => sum + callsAt(replica, method).length, 0),
  };
}
async function askAsText(gateway: RelayRig): Promise<string> {
  const { headers, body } = modernPost('tools/list');
  const answer = await fetch(gateway.url, { method: 'POST', headers: { ...gateway.headers, ...headers }, body });
  return answer.text();
}
/** An answer as the one event of a stream. */
function inEvent(response: ServerResponse, value: object): void {
  sse(response, event(value));
  response.end();
}
const PUBLIC = { resultType: 'complete', tools: [], ttlMs: 60_000, cacheScope: 'public' };

test('a public result is asked for once, by params, and its ttl goes down', async (t) => {
  const { post, asked } = await cacheRig(t, PUBLIC),
    first = await post('tools/list');
  t.deepEqual(first.result, PUBLIC);
  const { result } = await post('tools/list');
  t.true((result!.ttlMs as number) <= 60_000);
  t.deepEqual({ ...result, ttlMs: 0 }, { ...PUBLIC, ttlMs: 0 });
  t.is(asked('tools/list'), 1);
  await post('tools/list', { cursor: 'two' });
  await post('resources/read', { uri: 'a:b' });
  await post('resources/read', { uri: 'a:b' });
  t.deepEqual([asked('tools/list'), asked('resources/read')], [2, 1]);
});

const CREDENTIALS = [
  { authorization: 'Bearer garbage' },
  { authorization: 'bearer x' },
  { authorization: 'Basic eHg6eA==' },
  { 'x-api-key': 'k' },
  { cookie: 'session=1' },
];

test('credentials that nobody verified neither fill the cache nor are answered from it', async (t) => {
  const { post, asked } = await cacheRig(t, PUBLIC);
  for (const headers of CREDENTIALS) await post('tools/list', {}, headers);
  t.is(asked('tools/list'), CREDENTIALS.length);
  await post('tools/list');
  await post('tools/list');
  t.is(asked('tools/list'), CREDENTIALS.length + 1);
  for (const headers of CREDENTIALS) await post('tools/list', {}, headers);
  t.is(asked('tools/list'), CREDENTIALS.length * 2 + 1);
});

test('the server’s refusal of requests without credentials is never kept, nor bypassed', async (t) => {
  const { replicas, post } = await cacheRig(t, PUBLIC);
  for (const replica of replicas)
    replica.answer = ({ message, headers, response }) => {
      const isGood = headers.authorization === 'Bearer good';
      json(response, { jsonrpc: '2.0', id: message.id, result: PUBLIC }, isGood ? 200 : 401);
      return true;
    };
  for (const [headers, status] of [
    [{ authorization: 'Bearer good' }, 200],
    [{}, 401],
    [{}, 401],
    [{ authorization: 'Bearer bad' }, 401],
    [{ authorization: 'Bearer good' }, 200],
  ] as const)
    t.is((await post('tools/list', {}, headers as Record<string, string>)).status, status);
});

test('where Envoy verified the token, those with the same rights share results', async (t) => {
  const { post, asked } = await cacheRig(t, PUBLIC, { sharedCache: true, jwt: { issuer: 'i' } });
  const as = (sub: string, scope: string) => ({
    authorization: `Bearer ${sub}.x.x`,
    'x-holdfast-claims': Buffer.from(JSON.stringify({ iss: 'i', sub, scope })).toString('base64url'),
  });
  await post('tools/list', {}, as('alice', 'read'));
  await post('tools/list', {}, as('bob', 'read'));
  t.is(asked('tools/list'), 1);
  await post('tools/list', {}, as('bob', 'write'));
  t.is(asked('tools/list'), 2);
});

test('what was asked for with another query or header of its own is not served', async (t) => {
  const { gateways, post, asked } = await cacheRig(t, PUBLIC),
    [gateway] = gateways;
  for (const url of [`${gateway!.url}?tenant=evil`, `${gateway!.url}/other`])
    await post('tools/list', {}, {}, { ...gateway!, url });
  await post('tools/list', {}, { 'x-tenant': 'evil' });
  await post('tools/list');
  t.is(asked('tools/list'), 4);
  await post('tools/list');
  t.is(asked('tools/list'), 4);
});

for (const [way, answer] of Object.entries({ json, sse: inEvent })) {
  test(`an answer that varies on what is not in the key is not kept (${way})`, async (t) => {
    const { replicas, gateways, asked } = await cacheRig(t, PUBLIC);
    const vary = async (value: string): Promise<number> => {
      for (const replica of replicas)
        replica.answer = ({ message, response }) => {
          response.setHeader('vary', value);
          answer(response, { jsonrpc: '2.0', id: message.id, result: PUBLIC });
          return true;
        };
      const before = asked('tools/list');
      for (let i = 0; i < 2; i++) await askAsText(gateways[0]!);
      return asked('tools/list') - before;
    };
    t.is(await vary('Origin, *'), 2);
    t.is(await vary('USER-AGENT'), 2);
    t.is(await vary('Origin'), 1);
  });
}

for (const [what, result] of Object.entries({
  private: { ...PUBLIC, cacheScope: 'private' },
  'without a ttl': { tools: [], cacheScope: 'public' },
  'with a ttl of 0': { ...PUBLIC, ttlMs: 0 },
  'without a scope': { tools: [], ttlMs: 1000 },
})) {
  test(`a result ${what} is not kept`, async (t) => {
    const { post, asked } = await cacheRig(t, result);
    await post('tools/list');
    await post('tools/list');
    t.is(asked('tools/list'), 2);
  });
}

test('a tool’s answer is never kept; nothing is where the option is off', async (t) => {
  const on = await cacheRig(t, PUBLIC),
    off = await cacheRig(t, PUBLIC, {});
  for (let i = 0; i < 2; i++) {
    await on.call('x');
    await off.post('tools/list');
  }
  t.deepEqual([on.asked('tools/call'), off.asked('tools/list')], [2, 2]);
});

test('a request whose headers say other things than its body goes to the server', async (t) => {
  const { post, asked } = await cacheRig(t, PUBLIC);
  await post('tools/list');
  for (const [name, value] of [
    ['mcp-method', 'prompts/list'],
    ['mcp-protocol-version', '2027-01-01'],
    ['mcp-name', 'x'],
  ] as const)
    await post('tools/list', {}, { [name]: value });
  t.is(asked('tools/list'), 4);
  await post('resources/read', { uri: 'ü' }, { 'mcp-name': `=?base64?${Buffer.from('ü').toString('base64')}?=` });
  await post('resources/read', { uri: 'ü' }, { 'mcp-name': `=?base64?${Buffer.from('ü').toString('base64')}?=` });
  t.is(asked('resources/read'), 1);
});

test('a change at any replica empties every gateway’s cache, though no client listens', async (t) => {
  const { replicas, gateways, post } = await modernRig(t, { sharedCache: true });
  for (const replica of replicas) {
    replica.answer = ({ message, response }) => {
      if (message.method === 'subscriptions/listen')
        sse(
          response,
          event({ jsonrpc: '2.0', method: 'notifications/subscriptions/acknowledged', params: { notifications: {} } }),
        );
      else json(response, { jsonrpc: '2.0', id: message.id, result: PUBLIC });
      return true;
    };
  }
  const asked = (): number => replicas.reduce((sum, replica) => sum + callsAt(replica, 'tools/list').length, 0);
  const isKept = async (): Promise<boolean> => {
    const before = asked();
    for (let i = 0; i < 2; i++) for (const gateway of gateways) await post('tools/list', {}, {}, gateway);
    const more = asked() - before;
    return more === 0;
  };
  await waitFor(
    () => replicas.every((replica) => callsAt(replica, 'subscriptions/listen').length === gateways.length),
    { what: 'every gateway listens at every replica' },
  );
  await waitFor(isKept, { what: 'both gateways answer from their caches' });
  const before = asked();
  for (const { response } of callsAt(replicas[1]!, 'subscriptions/listen'))
    response.write(event({ jsonrpc: '2.0', method: 'notifications/tools/list_changed', params: {} }));
  await waitFor(
    async () => {
      await isKept();
      return asked() - before >= gateways.length;
    },
    { what: 'both gateways ask again' },
  );
  t.pass();
});
