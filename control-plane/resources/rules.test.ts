import test from 'ava';
import { gateway } from './testing/test-gateway.ts';

const RULES = 'authorization: {rules: [{name: a, effect: allow, tools: [x]}]},';
const MODERN = { 'mcp-protocol-version': '2026-07-28' };

test('where rules decide every request goes to a relay, whatever its headers say', async (t) => {
  const { send, one, two } = await gateway(t, RULES);
  for (const headers of [
    {},
    { 'mcp-session-id': '1~abc' },
    { 'mcp-session-id': '2~abc', authorization: 'Bearer x' },
    { 'mcp-session-id': 'unknown' },
    { ...MODERN, 'mcp-method': 'ping' },
    { ...MODERN, 'mcp-method': 'tools/list' },
    { ...MODERN, 'mcp-method': 'tools/call', 'mcp-name': 'y' },
    { 'content-length': '0' },
  ] as Array<Record<string, string>>)
    for (const method of ['POST', 'GET', 'DELETE'])
      t.is((await send(headers, { method })).body.at, 'relay', `${method} ${JSON.stringify(headers)}`);
  t.is(one.seen.length + two.seen.length, 0);
});

test('where rules decide no replica is reached past a relay that is gone', async (t) => {
  const { send, relay, one, two } = await gateway(t, RULES);
  await relay.stop();
  for (const headers of [{}, { 'mcp-session-id': '1~abc' }, { ...MODERN, 'mcp-method': 'ping' }] as Array<
    Record<string, string>
  >)
    t.is((await send(headers)).status, 503);
  t.is(one.seen.length + two.seen.length, 0);
});
