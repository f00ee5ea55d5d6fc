import test from 'ava';
import { fakeFleet } from '../testing/fake-fleet.ts';
import { json } from '../testing/fake-replica.ts';

test('a server that takes its key from the query has its sessions rebuilt with the live request’s one', async (t) => {
  const { replicas, gateway } = await fakeFleet(t);
  for (const replica of replicas)
    replica.answer = ({ incoming, response }) => {
      if (incoming.url === '/mcp?key=k') return false;
      json(response, { error: 'no key' }, 401);
      return true;
    };
  const rig = await gateway();
  const post = (message: object, headers: Record<string, string> = {}) =>
    rig.post(JSON.stringify({ jsonrpc: '2.0', ...message }), headers, { url: `${rig.url}?key=k` });
  const first = await post({ id: 0, method: 'initialize', params: {} });
  await first.text();
  const own = { 'x-holdfast-session': first.headers.get('mcp-session-id') ?? '' };
  await replicas.find(({ sessions }) => sessions.size > 0)?.kill();
  t.is((await post({ id: 1, method: 'tools/list' }, own)).status, 200);
  t.is(await rig.metric('mcp_session_recoveries_total'), 1);
});
