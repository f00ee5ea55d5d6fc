import test, { type ExecutionContext } from 'ava';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { json, sse, startFakeReplica, type FakeReplica } from '../testing/fake-replica.ts';
import { RigFleet, type RelayRig } from '../testing/relay-rig.ts';

/** A replica that gives each session one stream, as official TypeScript servers do. */
async function startStrictReplica(): Promise<FakeReplica> {
  const replica = await startFakeReplica('a');
  const taken = new Map<string, () => void>();
  replica.answer = ({ method, session = '', response }) => {
    if (method === 'DELETE') taken.get(session)?.();
    if (method !== 'GET') return false;
    if (taken.has(session)) {
      json(response, { error: 'Only one SSE stream is allowed per session' }, 409);
      return true;
    }
    taken.set(session, () => response.end());
    response.on('close', () => taken.delete(session));
    sse(response, `: stream of ${session}\n\n`);
    return true;
  };
  return replica;
}

/** Two gateways before that replica, and one session. `cut` keeps the first gateway from the store. */
async function setup(t: ExecutionContext, nodeGoneMs = 10_000) {
  const replica = await startStrictReplica();
  const fleet = new RigFleet([replica.port]);
  fleet.nodeGoneMs = nodeGoneMs;
  const partition = { isCut: false };
  const [one, two] = [await fleet.gateway('gateway-1', partition), await fleet.gateway('gateway-2')];
  t.teardown(() => replica.kill());
  t.teardown(() => Promise.all([one.close(), two.close()]));
  const begun = await one.post(JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params: {} }));
  const session = { 'x-holdfast-session': begun.headers.get('mcp-session-id') ?? '' };
  const leaving = new AbortController();
  t.teardown(() => leaving.abort());
  const get = (rig: RelayRig) => {
    const stream = { text: '', isOver: false };
    const read = async (): Promise<void> => {
      const headers = { ...rig.headers, ...session, accept: 'text/event-stream' };
      const { body } = await fetch(rig.url, { headers, signal: leaving.signal });
      const decoder = new TextDecoder();
      for await (const chunk of body ?? []) stream.text += decoder.decode(chunk as Uint8Array, { stream: true });
    };
    read()
      .catch(() => undefined)
      .finally(() => {
        stream.isOver = true;
      });
    return stream;
  };
  return { replica, one, two, partition, get, session };
}

test('of two streams of a session at two gateways, the newest wins', async (t) => {
  const { one, two, get, replica } = await setup(t);
  const older = get(one);
  await waitFor(() => older.text.includes('stream of'), { what: 'the first stream' });
  const newer = get(two);
  await waitFor(() => newer.text.includes('stream of'), { what: 'the second stream' });
  await waitFor(() => older.isOver, { what: 'the end of the first one' });
  t.false(newer.isOver);
  t.is(replica.sessions.size, 1, 'its session stays where it is');
});

test('a gateway that hears nothing any more holds a session’s stream until it counts as gone', async (t) => {
  const { one, two, get, partition, replica, session } = await setup(t, 500);
  const older = get(one);
  await waitFor(() => older.text.includes('stream of a-1'), { what: 'the first stream' });
  partition.isCut = true;
  const newer = get(two);
  await waitFor(() => newer.text.includes('stream of a-2'), { what: 'the stream of the session that was rebuilt' });
  await waitFor(() => !replica.sessions.has('a-1'), { what: 'the end of the former one' });
  const answer = await two.post(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }), session);
  t.like(await answer.json(), { id: 1, result: { by: 'a' } });
  t.is(await two.metric('mcp_session_recoveries_total'), 1);
});
