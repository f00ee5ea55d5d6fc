import { Agent, request, type IncomingMessage } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { event, sse, startFakeReplica } from './testing/fake-replica.ts';
import { RigFleet } from './testing/relay-rig.ts';

/** A call whose event stream is open and whose answer the test gives when it likes. */
async function callInFlight(t: ExecutionContext) {
  const replica = await startFakeReplica('a'),
    rig = await new RigFleet([replica.port]).gateway();
  t.teardown(() => replica.kill());
  let answer = (): void => {};
  replica.answer = ({ message, response }) => {
    if (message.method !== 'tools/call') return false;
    sse(
      response,
      event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } }),
    );
    answer = () => {
      response.end(event({ jsonrpc: '2.0', id: message.id, result: { content: [] } }));
    };
    return true;
  };
  const post = (body: object, more: Record<string, string> = {}) => rig.post(JSON.stringify(body), more);
  const first = await post({
    jsonrpc: '2.0',
    id: 0,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
  });
  const session = first.headers.get('mcp-session-id')!;
  await first.text();
  const call = await post(
    { jsonrpc: '2.0', id: 'c', method: 'tools/call', params: { name: 'write', arguments: {} } },
    { 'x-holdfast-session': session, 'mcp-session-id': session.slice(session.indexOf('~') + 1) },
  );
  await waitFor(() => replica.seen.some(({ message }) => message.id === 'c'), { what: 'the call is in flight' });
  return { rig, call, answer: () => answer() };
}

test('a relay that ends lets a call in flight finish', async (t) => {
  const { rig, call, answer } = await callInFlight(t);
  const closed = rig.relay.close();
  answer();
  t.regex(await call.text(), /"id":"c","result"/);
  await closed;
  await rig.close();
});

test('a relay that ends answers what still comes on open connections, and says that it was the last answer there', async (t) => {
  const rig = await new RigFleet([]).gateway(),
    { hostname, port } = new URL(rig.url);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const ask = (): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      request({ hostname, port, path: '/health', agent }, (response) => {
        response.resume().once('end', () => resolve(response));
      })
        .once('error', reject)
        .end();
    });
  t.is((await ask()).headers.connection, 'keep-alive');
  const closed = rig.relay.close();
  t.is((await ask()).headers.connection, 'close');
  await closed;
  await rig.close();
});

test('a relay that can wait no longer says what became of the call: an official client would wait for a minute on a stream that breaks off', async (t) => {
  const { rig, call } = await callInFlight(t);
  void rig.relay.close();
  t.regex(await call.text(), /"id":"c".*"error".*"outcome":"partial_response"|"error".*"partial_response".*"id":"c"/s);
  await rig.close();
});

test('a relay that ends gives up a body that does not come, as ever: who sends nothing does not hold up its end', async (t) => {
  const replica = await startFakeReplica('a'),
    fleet = new RigFleet([replica.port]);
  t.teardown(() => replica.kill());
  let aheadMs = 0;
  fleet.now = () => Date.now() + aheadMs;
  const rig = await fleet.gateway();
  const sent = request(rig.url, {
    method: 'POST',
    headers: { ...rig.headers, 'content-type': 'application/json', 'content-length': 100_000 },
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) =>
    sent.once('response', resolve).once('error', reject),
  );
  sent.write('{"a');
  await waitFor(async () => (await rig.metric('holdfast_buffered_body_bytes')) > 0, { what: 'a part of the body' });
  const closed = rig.relay.close();
  aheadMs = 600_000;
  t.is((await answered).statusCode, 408);
  await closed;
  await rig.close();
});
