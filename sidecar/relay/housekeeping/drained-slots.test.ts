import test, { type ExecutionContext } from 'ava';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { fakeFleet } from '../testing/fake-fleet.ts';
import { json, type FakeReplica, type FakeRequest } from '../testing/fake-replica.ts';
import type { RelayRig } from '../testing/relay-rig.ts';

const KEY = { 'x-api-key': 'k' };

async function setup(t: ExecutionContext) {
  const { fleet, replicas } = await fakeFleet(t);
  // It stands still while the whole process does: a gateway that is held up for seconds is not heard in time, which is another story.
  let nowMs = Date.now();
  const clock = setInterval(() => {
    nowMs += 20;
  }, 20);
  t.teardown(() => clearInterval(clock));
  fleet.now = () => nowMs;
  const gateways = [await fleet.gateway('gateway-1'), await fleet.gateway('gateway-2')];
  fleet.relays = gateways.map(({ port }) => `127.0.0.1:${port}`);
  const end = new AbortController();
  t.teardown(() => Promise.all(gateways.map((gateway) => gateway.close())));
  t.teardown(() => end.abort());
  const send = (gateway: RelayRig, message: unknown, headers: Record<string, string>) =>
    gateway.post(JSON.stringify(message), headers);
  const [from, to] = replicas as [FakeReplica, FakeReplica];
  const drain = (isDraining: boolean) => {
    fleet.replicas[0]!.state = isDraining ? 'draining' : 'active';
  };
  fleet.replicas[1]!.state = 'draining'; // all sessions begin on the first
  const begin = async (headers: Record<string, string> = {}) => {
    const answer = await send(gateways[0]!, { jsonrpc: '2.0', id: 0, method: 'initialize', params: {} }, headers),
      session = answer.headers.get('mcp-session-id')!;
    await answer.text();
    const own = { 'x-holdfast-session': session, ...headers };
    return {
      id: session.slice(session.indexOf('~') + 1),
      call: async (gateway = gateways[0]!) =>
        (
          (await (
            await send(gateway, { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x' } }, own)
          ).json()) as { result?: { by: string } }
        ).result?.by,
      stream: (gateway = gateways[0]!) =>
        void fetch(gateway.url, {
          headers: { ...gateway.headers, accept: 'text/event-stream', ...own },
          signal: end.signal,
        })
          .then((stream) => stream.text())
          .catch(() => undefined),
    };
  };
  return {
    gateways,
    from,
    to,
    drain,
    begin,
    ready: () => {
      fleet.replicas[1]!.state = 'active';
    },
  };
}
const initializes = (replica: FakeReplica): FakeRequest[] =>
  replica.seen.filter(({ message }) => message.method === 'initialize');

test('idle sessions leave a drained replica by themselves, each once; one whose client showed a key waits for its client', async (t) => {
  t.timeout(120_000);
  const { gateways, from, to, drain, begin, ready } = await setup(t);
  const free = await Promise.all([begin(), begin(), begin(), begin(), begin(), begin()]),
    keyed = await begin(KEY);
  ready();
  drain(true);
  await waitFor(() => from.sessions.size === 1, { what: 'all but one are gone, and deleted where they were' });
  t.is(initializes(to).length, free.length, 'no gateway rebuilt what the other did');
  t.deepEqual([...from.sessions], [keyed.id]);
  for (const [index, session] of free.entries()) t.is(await session.call(gateways[index % 2]!), 'b');
  t.is(await keyed.call(), 'b', 'it moves when it speaks');
  t.is(initializes(to).at(-1)!.headers['x-api-key'], 'k');
  t.is(
    (await Promise.all(gateways.map((gateway) => gateway.metric('mcp_session_lost_total')))).reduce(
      (sum, each) => sum + each,
    ),
    0,
  );
});

test('a session with a held stream moves with what the stream’s client showed, and the stream goes along', async (t) => {
  t.timeout(120_000);
  const { gateways, from, to, drain, begin, ready } = await setup(t),
    session = await begin(KEY);
  session.stream(gateways[1]!);
  await waitFor(() => from.seen.some(({ method }) => method === 'GET'), { what: 'the stream is open' });
  ready();
  drain(true);
  await waitFor(() => to.seen.some(({ method }) => method === 'GET'), {
    what: 'the stream is open at the other replica',
  });
  t.is(initializes(to)[0]!.headers['x-api-key'], 'k');
  await waitFor(() => from.sessions.size === 0, { what: 'deleted where it was' });
  t.is(await session.call(), 'b');
});

test('a session with a call in flight at any gateway stays until the call has its answer', async (t) => {
  t.timeout(120_000);
  const { gateways, from, to, drain, begin, ready } = await setup(t),
    busy = await begin(),
    idle = await begin();
  let held: FakeRequest | undefined;
  from.answer = (request) => {
    if (request.message.method !== 'tools/call') return false;
    held = request;
    return true;
  };
  const answer = busy.call(gateways[1]!);
  await waitFor(() => held, { what: 'the call is in flight' });
  ready();
  drain(true);
  await waitFor(() => !from.sessions.has(idle.id), { what: 'the idle one is gone' });
  t.true(from.sessions.has(busy.id));
  t.is(initializes(to).length, 1);
  json(held!.response, { jsonrpc: '2.0', id: 1, result: { by: 'a' } });
  t.is(await answer, 'a');
  await waitFor(() => from.sessions.size === 0, { what: 'it follows when it is idle' });
  t.is(await busy.call(), 'b');
});
