import test, { type ExecutionContext } from 'ava';
import type { Outcome } from '../../../proto/outcome.ts';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { beginSession, fakeFleet, homeAndOther, onSession } from '../testing/fake-fleet.ts';
import { event, json, sse, type FakeReplica, type FakeRequest } from '../testing/fake-replica.ts';
import type { RelayRig } from '../testing/relay-rig.ts';

interface Setup {
  rig: RelayRig;
  replicas: FakeReplica[];
  home: FakeReplica;
  session: string;
  post: (message: unknown, headers?: Record<string, string>) => Promise<Response>;
}

/** Two scripted replicas, a relay, and a session on one of them. */
async function setup(t: ExecutionContext, policy: Record<string, unknown> = {}): Promise<Setup> {
  const { replicas, gateway } = await fakeFleet(t, policy);
  const rig = await gateway();
  const session = await beginSession(rig);
  const [home] = homeAndOther(replicas);
  return {
    rig,
    replicas,
    home,
    session,
    post: (message, headers) => rig.post(JSON.stringify(message), { ...onSession(session), ...headers }),
  };
}
const call = (name = 'write') => ({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {} } });
const count = (replicas: FakeReplica[], method: string): number =>
  replicas.flatMap(({ seen }) => seen).filter(({ message }) => message.method === method).length;
const isCall = ({ message }: FakeRequest): boolean => message.method === 'tools/call';
const callsAmong = (rig: RelayRig): Outcome[] => rig.outcomes.filter(({ method }) => method === 'tools/call');

const REFUSALS: [what: string, status: number, text: string][] = [
  ['400 with the client’s word', 400, 'Bad Request: Unsupported protocol version: session'],
  ['400 in other words', 400, 'No valid SESSION for you'],
  ['404 for a call', 404, 'no such thing'],
];
for (const [what, status, text] of REFUSALS)
  test(`${what}: a replica that still knows the session is asked once, and its answer is passed on`, async (t) => {
    const { rig, replicas, home, post } = await setup(t);
    home.answer = (request) => {
      if (!isCall(request)) return false;
      json(request.response, { jsonrpc: '2.0', id: null, error: { code: -32000, message: text } }, status);
      return true;
    };
    const before = count(replicas, 'initialize');
    const answer = await post(call(), { 'mcp-protocol-version': 'session' });
    t.is(answer.status, status);
    t.true((await answer.text()).includes(text));
    t.is(count(replicas, 'initialize'), before);
    t.is(count(replicas, 'ping'), 1);
    t.is(count(replicas, 'tools/call'), 1);
    t.not(home.seen.find(({ message }) => message.method === 'ping')?.headers['mcp-protocol-version'], 'session');
    t.is(await rig.metric('mcp_session_recoveries_total'), 0);
  });

test('a replica that says of every request that it does not know the session costs one recovery for each, once in a second', async (t) => {
  const { replicas, post } = await setup(t);
  for (const replica of replicas)
    replica.answer = (request) => {
      if (!isCall(request) && request.message.method !== 'ping') return false;
      json(request.response, { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } }, 404);
      return true;
    };
  const before = count(replicas, 'initialize');
  const startedMs = performance.now();
  for (let i = 0; i < 3; i++) t.is((await post(call())).status, 404);
  t.is(count(replicas, 'initialize') - before, 3);
  t.true(performance.now() - startedMs >= 1900, 'the second and the third waited');
});

const ask = { jsonrpc: '2.0', id: 'question', method: 'elicitation/create', params: { message: 'well?' } };

test('the deadline of a call stands still while the server waits for its client, and runs again after the answer', async (t) => {
  const { rig, replicas, home, post } = await setup(t, { timeouts: { callMs: 1500 } });
  const [asked] = home.sessions;
  for (const replica of replicas)
    replica.answer = (request) => {
      if (!isCall(request)) return false;
      if (request.session === asked) sse(request.response, event(ask));
      return true; // Calls of another session are never answered.
    };
  const answer = await post(call());
  const reader = (answer.body ?? new ReadableStream<Uint8Array>()).getReader();
  let text = '';
  const isOver = (async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return true;
      text += Buffer.from(value).toString();
    }
  })();
  await waitFor(() => text.includes('question'), { what: 'the question' });
  // Two calls of another session, one after the other, run into the same deadline meanwhile.
  const other = onSession(await beginSession(rig));
  for (const id of [2, 3]) {
    const late = await rig.post(JSON.stringify({ ...call(), id }), other);
    t.true((await late.text()).includes('-31004'));
  }
  t.false(text.includes('error'), text);
  await waitFor(() => callsAmong(rig).length === 2, { what: 'the outcomes of these two' });
  t.is((await post({ jsonrpc: '2.0', id: 'question', result: { action: 'decline' } })).status, 202);
  t.true(await isOver);
  t.true(text.includes('"error"'), text);
  await waitFor(() => callsAmong(rig).length === 3, { what: 'the outcome' });
  t.like(callsAmong(rig)[2], { kind: 'replica_fault', isTimeout: true, hasWaitedForClient: true });
});

test('a question of a lost replica holds no deadline up: the call was sent again, and nobody waits for that answer', async (t) => {
  const { rig, replicas, home, post } = await setup(t, { timeouts: { callMs: 1000 }, retrySafeTools: ['write'] });
  const [asked] = home.sessions;
  for (const replica of replicas)
    replica.answer = (request) => {
      if (!isCall(request)) return false;
      if (request.session !== asked) return true; // never
      sse(request.response, event(ask));
      replica.sessions.clear();
      setTimeout(() => request.response.destroy(), 100);
      return true;
    };
  const text = await (await post(call())).text();
  t.regex(text, /question[^]*-31004/);
  t.is(count(replicas, 'tools/call'), 2);
  t.like(callsAmong(rig)[0], { isTimeout: true, hasWaitedForClient: true });
});

test('a call whose time runs out says so, and whose client it was', async (t) => {
  const { rig, home, post } = await setup(t, { timeouts: { callMs: 50 } });
  home.answer = isCall; // never
  const answer = await post(call(), { 'x-holdfast-guard': '2001:db8::7' });
  t.is(answer.status, 200);
  await waitFor(() => callsAmong(rig).length === 1, { what: 'the outcome' });
  t.like(callsAmong(rig)[0], { kind: 'replica_fault', isTimeout: true, client: '2001:db8:0:0::/64' });
});
