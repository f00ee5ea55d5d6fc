import test from 'ava';
import { json } from '../testing/fake-replica.ts';
import { callsAt, modernRig } from '../testing/modern-rig.ts';

const found = (capabilities: Record<string, unknown>, supportedVersions: string[]) => ({
  resultType: 'complete',
  supportedVersions,
  capabilities,
  serverInfo: { name: 's' },
  instructions: 'Be kind',
  ttlMs: 1000,
  cacheScope: 'public',
});

test('server/discover says what all replicas support', async (t) => {
  const { replicas, post } = await modernRig(t);
  const says = [
    found({ tools: { listChanged: true }, prompts: {}, extensions: { x: {}, y: {} } }, ['2026-07-28', '2027-01-01']),
    found({ tools: { listChanged: false }, extensions: { x: {} }, logging: {} }, ['2025-11-25', '2026-07-28']),
  ];
  // Both in one moment: after the first answer the others have 150 ms.
  const waiting: (() => void)[] = [];
  replicas.forEach((replica, index) => {
    replica.answer = ({ message, response }) => {
      waiting.push(() => json(response, { jsonrpc: '2.0', id: message.id, result: says[index] }));
      if (waiting.length === replicas.length) for (const answer of waiting) answer();
      return true;
    };
  });
  t.deepEqual(
    (await post('server/discover')).result,
    found({ tools: { listChanged: false }, extensions: { x: {} } }, ['2026-07-28']),
  );
});

test('replicas that agree are passed on byte for byte', async (t) => {
  const { replicas, gateways, post } = await modernRig(t),
    text = '{ "jsonrpc":"2.0" ,"id":1,"result":{"supportedVersions":["2026-07-28"],"capabilities":{},"n":1.0}}';
  for (const replica of replicas)
    replica.answer = ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json', 'x-said': 'yes' }).end(text);
      return true;
    };
  const answer = await fetch(gateways[0]!.url, {
    method: 'POST',
    headers: {
      ...gateways[0]!.headers,
      'content-type': 'application/json',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'server/discover',
    },
    body: DISCOVER,
  });
  t.deepEqual([await answer.text(), answer.headers.get('x-said')], [text, 'yes']);
  t.is((await post('server/discover')).status, 200);
  t.is(callsAt(replicas[0]!, 'server/discover').length, 2);
});
const DISCOVER = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'server/discover',
  params: { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } },
});

test('a replica that is dead, and one that hangs, hold nobody up', async (t) => {
  const { replicas, post } = await modernRig(t);
  replicas[0]!.answer = () => true;
  replicas[1]!.answer = ({ message, response }) => {
    json(response, { jsonrpc: '2.0', id: message.id, result: found({}, ['2026-07-28']) });
    return true;
  };
  t.is((await post('server/discover')).status, 200);
  await replicas[0]!.kill();
  t.deepEqual((await post('server/discover')).result?.supportedVersions, ['2026-07-28']);
});

test('a probe for the era gets the replicas’ own refusal', async (t) => {
  const { replicas, post } = await modernRig(t);
  for (const replica of replicas)
    replica.answer = ({ response }) => {
      json(
        response,
        {
          jsonrpc: '2.0',
          id: null,
          error: { code: -32000, message: 'Bad Request: Mcp-Session-Id header is required' },
        },
        400,
      );
      return true;
    };
  t.like(await post('server/discover'), { status: 400, error: { code: -32000 } });
});
