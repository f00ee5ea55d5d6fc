import test, { type ExecutionContext } from 'ava';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { event, json, sse, startFakeReplica, type FakeReplica, type FakeRequest } from '../testing/fake-replica.ts';
import { callsAt, modernPost, modernRig } from '../testing/modern-rig.ts';

const ack = (notifications: Record<string, unknown>): string =>
  event({
    jsonrpc: '2.0',
    method: 'notifications/subscriptions/acknowledged',
    params: { notifications, _meta: { 'io.modelcontextprotocol/subscriptionId': 'sub-1' } },
  });
const changed = (what: string): string =>
  event({
    jsonrpc: '2.0',
    method: `notifications/${what}/list_changed`,
    params: { _meta: { 'io.modelcontextprotocol/subscriptionId': 'sub-1' } },
  });
const done = event({ jsonrpc: '2.0', id: 'sub-1', result: { resultType: 'complete' } });
const count = (text: string, what: string): number => text.split(what).length - 1;

/** Replicas that acknowledge at once; the test writes on. */
async function listenRig(t: ExecutionContext, policy: Record<string, unknown> = {}) {
  const rig = await modernRig(t, policy);
  const listens =
    (filter: Record<string, unknown>) =>
    ({ response, message }: FakeRequest): boolean => {
      if (message.method !== 'subscriptions/listen') return false;
      // A gateway listens for its cache too; only the client's stream is what these tests are about.
      if (message.id === 'sub-1') sse(response, ack(filter));
      else json(response, { jsonrpc: '2.0', id: message.id, error: { code: -32602, message: 'no notifications' } });
      return true;
    };
  for (const replica of rig.replicas) replica.answer = listens({ toolsListChanged: true });
  const listen = (gateway = rig.gateways[0]!) => {
    const { headers, body } = modernPost(
        'subscriptions/listen',
        { notifications: { toolsListChanged: true } },
        {},
        'sub-1',
      ),
      leaving = new AbortController();
    const stream = { text: '', status: 0, isOver: false, leave: () => leaving.abort() };
    void (async () => {
      const answer = await fetch(gateway.url, {
          method: 'POST',
          headers: { ...gateway.headers, ...headers },
          body,
          signal: leaving.signal,
        }),
        decoder = new TextDecoder();
      stream.status = answer.status;
      for await (const chunk of answer.body!) stream.text += decoder.decode(chunk as Uint8Array, { stream: true });
    })()
      .catch(() => undefined)
      .finally(() => {
        stream.isOver = true;
      });
    t.teardown(() => stream.leave());
    return stream;
  };
  const streamAt = (replica: FakeReplica, index = 0) =>
    waitFor(() => callsAt(replica, 'subscriptions/listen').filter(({ message }) => message.id === 'sub-1')[index], {
      what: `stream ${index + 1} is open at a replica`,
    });
  return { ...rig, listen, listens, streamAt };
}

test('a subscription hears every replica, with one acknowledgement and its own id', async (t) => {
  const { replicas, listen, listens, streamAt } = await listenRig(t),
    waiting: (() => void)[] = [];
  // Both in one moment: after the first acknowledgement the others have 300 ms.
  [
    { toolsListChanged: true, resourceSubscriptions: ['a'] },
    { promptsListChanged: true, resourceSubscriptions: ['b'] },
  ].forEach((filter, index) => {
    replicas[index]!.answer = (request) => {
      waiting.push(() => {
        listens(filter)(request);
      });
      if (waiting.length === replicas.length) for (const answer of waiting) answer();
      return true;
    };
  });
  const stream = listen();
  const [one, two] = await Promise.all(replicas.map((replica) => streamAt(replica)));
  t.is(one!.body, two!.body);
  await waitFor(() => stream.text.includes('acknowledged'), { what: 'the acknowledgement' });
  one!.response.write(changed('tools'));
  two!.response.write(changed('prompts'));
  await waitFor(() => stream.text.includes('tools/list_changed') && stream.text.includes('prompts/list_changed'), {
    what: 'both notifications',
  });
  t.is(count(stream.text, 'subscriptions/acknowledged'), 1);
  const { params } = JSON.parse(/data: (.*)/.exec(stream.text)![1]!) as {
    params: { notifications: unknown; _meta: unknown };
  };
  t.deepEqual(params, {
    notifications: { toolsListChanged: true, promptsListChanged: true, resourceSubscriptions: ['a', 'b'] },
    _meta: { 'io.modelcontextprotocol/subscriptionId': 'sub-1' },
  });
});

test('replicas come and go beneath a subscription', async (t) => {
  const { replicas, fleet, listen, streamAt, listens } = await listenRig(t),
    stream = listen();
  await Promise.all(replicas.map((replica) => streamAt(replica)));
  await waitFor(() => stream.text.includes('acknowledged'), { what: 'the acknowledgement' });
  const late = await startFakeReplica('c');
  t.teardown(() => late.kill());
  late.answer = listens({ toolsListChanged: true });
  await replicas[0]!.kill();
  fleet.replicas[0] = { address: `127.0.0.1:${late.port}`, slot: 'c', state: 'active' };
  (await streamAt(late)).response.write(changed('tools'));
  await waitFor(() => stream.text.includes('tools/list_changed'), { what: 'a notification of the new replica' });
  t.false(stream.isOver);
  t.is(count(stream.text, 'acknowledged'), 1);
});

test('a draining replica is not kept busy by a subscription', async (t) => {
  const { replicas, fleet, listen, streamAt } = await listenRig(t),
    stream = listen(),
    [one] = await Promise.all(replicas.map((replica) => streamAt(replica)));
  let isClosed = false;
  one!.response.once('close', () => {
    isClosed = true;
  });
  fleet.replicas[0]!.state = 'draining';
  await waitFor(() => isClosed, { what: 'the stream at the draining replica is closed' });
  t.false(stream.isOver);
});

test('a replica whose stream broke is asked again', async (t) => {
  const { replicas, listen, streamAt } = await listenRig(t),
    stream = listen(),
    [one] = await Promise.all(replicas.map((replica) => streamAt(replica)));
  await waitFor(() => stream.text.includes('acknowledged'), { what: 'the acknowledgement' });
  one!.incoming.socket.destroy();
  (await streamAt(replicas[0]!, 1)).response.write(changed('tools'));
  await waitFor(() => stream.text.includes('list_changed'), { what: 'a notification' });
  t.is(count(stream.text, 'acknowledged'), 1);
});

test('it ends when every replica has said that this is all', async (t) => {
  const { replicas, listen, streamAt } = await listenRig(t),
    stream = listen(),
    open = await Promise.all(replicas.map((replica) => streamAt(replica)));
  open[0]!.response.end(done);
  open[1]!.response.write(changed('tools'));
  await waitFor(() => stream.text.includes('list_changed'), { what: 'a notification of the other' });
  t.false(stream.isOver);
  open[1]!.response.end(done);
  await waitFor(() => stream.isOver, { what: 'the end' });
  t.is(count(stream.text, '"id":"sub-1"'), 1);
  t.true(stream.text.endsWith(done));
});

test('a refusal of all replicas is the answer', async (t) => {
  const { replicas, post } = await listenRig(t);
  for (const replica of replicas)
    replica.answer = ({ message, response }) => {
      json(response, { jsonrpc: '2.0', id: message.id, error: { code: -32602, message: 'no notifications' } });
      return true;
    };
  t.like(await post('subscriptions/listen'), { status: 200, error: { code: -32602 } });
});

test('without a living replica it is refused with 503', async (t) => {
  const { replicas, post } = await listenRig(t);
  for (const replica of replicas) await replica.kill();
  t.like(await post('subscriptions/listen'), { status: 503, error: { code: -31002 } });
});

test('a client that goes away leaves no stream behind', async (t) => {
  const { replicas, gateways, listen, streamAt } = await listenRig(t),
    stream = listen(),
    open = await Promise.all(replicas.map((replica) => streamAt(replica)));
  let closed = 0;
  for (const { response } of open)
    response.once('close', () => {
      closed++;
    });
  await waitFor(() => stream.status === 200, { what: 'the stream is open' });
  stream.leave();
  await waitFor(() => closed === 2, { what: 'both streams are closed' });
  await waitFor(
    () => gateways[0]!.outcomes.some(({ kind, method }) => kind === 'cancelled' && method === 'subscriptions/listen'),
    { what: 'its outcome' },
  );
  t.pass();
});

test('by policy one replica is listened to, and another when that one dies', async (t) => {
  const { replicas, listen, streamAt } = await listenRig(t, { affinity: { listen: 'one' } }),
    stream = listen();
  await waitFor(() => stream.text.includes('acknowledged'), { what: 'the acknowledgement' });
  const chosen = replicas.find((replica) => callsAt(replica, 'subscriptions/listen').length > 0)!,
    other = replicas.find((replica) => replica !== chosen)!;
  t.is(callsAt(other, 'subscriptions/listen').length, 0);
  await chosen.kill();
  (await streamAt(other)).response.write(changed('tools'));
  await waitFor(() => stream.text.includes('list_changed'), { what: 'a notification of the other' });
  t.is(count(stream.text, 'acknowledged'), 1);
});

test('what a subscription hears makes the shared cache forget', async (t) => {
  const { replicas, listen, post, streamAt, gateways } = await listenRig(t, { sharedCache: true }),
    stream = listen(),
    [one] = await Promise.all(replicas.map((replica) => streamAt(replica)));
  for (const replica of replicas)
    replica.answer = ({ message, response }) => {
      json(response, {
        jsonrpc: '2.0',
        id: message.id,
        result: { tools: [], prompts: [], ttlMs: 60_000, cacheScope: 'public' },
      });
      return true;
    };
  const asked = (method: string): number => replicas.reduce((sum, replica) => sum + callsAt(replica, method).length, 0);
  for (const method of ['tools/list', 'prompts/list', 'tools/list', 'prompts/list'])
    await post(method, {}, {}, gateways[0]);
  t.deepEqual([asked('tools/list'), asked('prompts/list')], [1, 1]);
  one!.response.write(changed('tools'));
  await waitFor(() => stream.text.includes('list_changed'), { what: 'the notification' });
  for (const method of ['tools/list', 'prompts/list']) await post(method, {}, {}, gateways[0]);
  t.deepEqual([asked('tools/list'), asked('prompts/list')], [2, 1]);
});

test('by policy one replica is listened to: one that refuses the connection is no reason to refuse the client', async (t) => {
  const { replicas, listen, streamAt } = await listenRig(t, { affinity: { listen: 'one' } });
  await replicas[0]!.kill();
  for (let round = 0; round < 6; round += 1) {
    const stream = listen();
    await waitFor(() => stream.text.includes('acknowledged'), { what: 'the acknowledgement' });
    stream.leave();
  }
  t.truthy(await streamAt(replicas[1]!, 5));
});

test('a replica that does not begin its answer costs a deadline, and no hang', async (t) => {
  const { replicas, post } = await listenRig(t, { timeouts: { callMs: 300 } });
  for (const replica of replicas) replica.answer = ({ message }) => message.method === 'subscriptions/listen';
  t.like(await post('subscriptions/listen'), { status: 503, error: { code: -31004 } });
});

test('without a retry budget a subscription ends with its last replica’s stream', async (t) => {
  const { replicas, listen, streamAt } = await listenRig(t, { retryBudget: { percent: 0, floor: 0 } }),
    stream = listen(),
    open = await Promise.all(replicas.map((replica) => streamAt(replica)));
  await waitFor(() => stream.text.includes('acknowledged'), { what: 'the acknowledgement' });
  open[0]!.incoming.socket.destroy();
  open[1]!.response.write(changed('tools'));
  await waitFor(() => stream.text.includes('list_changed'), { what: 'a notification of the other' });
  t.false(stream.isOver);
  open[1]!.incoming.socket.destroy();
  await waitFor(() => stream.isOver, { what: 'the end' });
});
