import test from 'ava';
import { json, startFakeReplica } from './fake-replica.ts';
import { RigFleet } from './relay-rig.ts';

test('a server that takes its key from the query has its sessions rebuilt with the live request’s one', async (t) => {
  const replicas = await Promise.all(['a', 'b'].map((name) => startFakeReplica(name)));
  t.teardown(() => Promise.all(replicas.map((replica) => replica.kill())));
  for (const replica of replicas)
    replica.answer = ({ incoming, response }) => {
      if (incoming.url === '/mcp?key=k') return false;
      json(response, { error: 'no key' }, 401);
      return true;
    };
  const fleet = new RigFleet(replicas.map(({ port }) => port));
  const rig = await fleet.gateway();
  t.teardown(() => rig.close());
  const post = (message: object, headers: Record<string, string> = {}) =>
    rig.post(JSON.stringify({ jsonrpc: '2.0', ...message }), headers, { url: `${rig.url}?key=k` });
  const first = await post({ id: 0, method: 'initialize', params: {} });
  await first.text();
  const own = { 'x-holdfast-session': first.headers.get('mcp-session-id') ?? '' };
  await replicas.find(({ sessions }) => sessions.size > 0)?.kill();
  t.is((await post({ id: 1, method: 'tools/list' }, own)).status, 200);
  t.is(await rig.metric('mcp_session_recoveries_total'), 1);
});
