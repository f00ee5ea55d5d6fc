import test, { type ExecutionContext } from 'ava';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { event, sse, startFakeReplica } from '../testing/fake-replica.ts';
import { RigFleet } from '../testing/relay-rig.ts';

const INITIALIZE = { jsonrpc: '2.0', id: 0, method: 'initialize', params: {} };
const note = (data: string): string => event({ jsonrpc: '2.0', method: 'notifications/message', params: { data } });

/** One replica with one session; `get` opens a stream of it. */
async function setup(t: ExecutionContext, policy: Record<string, unknown>) {
  const replica = await startFakeReplica('a');
  const fleet = new RigFleet([replica.port], policy);
  const rig = await fleet.gateway();
  t.teardown(() => replica.kill());
  t.teardown(() => rig.close());
  const begun = await fetch(rig.url, {
    method: 'POST',
    headers: { ...rig.headers, 'content-type': 'application/json' },
    body: JSON.stringify(INITIALIZE),
  });
  const session = begun.headers.get('mcp-session-id') ?? '';
  const leaving = new AbortController();
  t.teardown(() => leaving.abort());
  const get = () => {
    const stream = { text: '', status: 0, isOver: false };
    const read = async (): Promise<void> => {
      const headers = { ...rig.headers, 'x-holdfast-session': session, accept: 'text/event-stream' };
      const answer = await fetch(rig.url, { headers, signal: leaving.signal });
      stream.status = answer.status;
      const decoder = new TextDecoder();
      for await (const chunk of answer.body ?? []) stream.text += decoder.decode(chunk as Uint8Array, { stream: true });
    };
    read()
      .catch(() => undefined)
      .finally(() => {
        stream.isOver = true;
      });
    return stream;
  };
  const streams = () => replica.seen.filter(({ method }) => method === 'GET');
  const opened = async (count = 1) => {
    await waitFor(() => streams().length >= count, { what: `stream ${count} at the replica` });
    return streams()[count - 1]?.response;
  };
  return { replica, fleet, rig, get, opened, streams };
}

test('a stream that broke is opened again within the retry budget; without one it ends, and its client asks anew', async (t) => {
  const { get, opened, streams } = await setup(t, { retryBudget: { percent: 0, floor: 0 } });
  const stream = get();
  (await opened())?.write(note('before'));
  await waitFor(() => stream.text.includes('before'), { what: 'an event' });
  streams()[0]?.incoming.socket.destroy();
  await waitFor(() => stream.isOver, { what: 'the end' });
  t.is(streams().length, 1);
});

test('a replica whose breaker is open is not asked for a stream; the client holds one meanwhile', async (t) => {
  const { get, rig, fleet, streams } = await setup(t, {});
  rig.breakers.configure(fleet.policy);
  rig.breakers.foundDead('linear', fleet.replicas[0]?.slot ?? '', Date.now());
  const stream = get();
  await waitFor(() => stream.status === 200, { what: 'the stream' });
  t.is(streams().length, 0);
  t.false(stream.isOver);
});

test('a server that begins its stream with the first event is waited for, and its client has the stream meanwhile', async (t) => {
  const { get, opened, replica, rig, streams } = await setup(t, { timeouts: { callMs: 200 } });
  replica.answer = ({ method }) => method === 'GET';
  const stream = get();
  const response = await opened();
  await waitFor(() => stream.status === 200, { what: 'the stream' });
  if (response) sse(response, note('first'));
  await waitFor(() => stream.text.includes('first'), { what: 'the first event' });
  t.is(streams().length, 1);
  t.is(await rig.metric('mcp_session_recoveries_total'), 0);
});
