import test, { type ExecutionContext } from 'ava';
import { sessionDigest } from '../../../proto/session-record.ts';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { beginSession, fakeFleet, homeAndOther } from '../testing/fake-fleet.ts';
import { event, json, sse, startFakeReplica, type FakeReplica, type FakeRequest } from '../testing/fake-replica.ts';
import type { RelayRig } from '../testing/relay-rig.ts';

/** A GET stream as it comes, and how it ended. */
class Stream {
  text = '';
  isOver = false;
  status = 0;
  readonly #abort = new AbortController();
  readonly done: Promise<void>;
  constructor(url: string, headers: Record<string, string>) {
    this.done = this.#read(url, headers)
      .catch(() => undefined)
      .then(() => {
        this.isOver = true;
      });
  }
  async #read(url: string, headers: Record<string, string>): Promise<void> {
    const answer = await fetch(url, {
        headers: { accept: 'text/event-stream', ...headers },
        signal: this.#abort.signal,
      }),
      decoder = new TextDecoder();
    this.status = answer.status;
    for await (const chunk of answer.body!) this.text += decoder.decode(chunk as Uint8Array, { stream: true });
  }
  close(): void {
    this.#abort.abort();
  }
}

async function setup(t: ExecutionContext, policy: Record<string, unknown> = {}) {
  const { fleet, replicas, gateway: begin } = await fakeFleet(t, policy);
  const rig = await begin();
  const send = (gateway: RelayRig, message: unknown, headers: Record<string, string> = {}) =>
    gateway.post(JSON.stringify(message), headers);
  const initialize = () => beginSession(rig, {}, {});
  const session = await initialize();
  const [home, other] = homeAndOther(replicas);
  const own = { ...rig.headers, 'x-holdfast-session': session };
  const get = (headers: Record<string, string> = {}, gateway = rig) => {
    const stream = new Stream(gateway.url, { ...own, ...headers });
    t.teardown(() => stream.close());
    return stream;
  };
  return {
    fleet,
    rig,
    session,
    initialize,
    home,
    other,
    get,
    post: (message: unknown, gateway = rig) => send(gateway, message, own),
  };
}
const streamsAt = (replica: FakeReplica): FakeRequest[] => replica.seen.filter(({ method }) => method === 'GET');
const openStream = async (replica: FakeReplica, count = 1) =>
  (
    await waitFor(() => streamsAt(replica).length >= count && streamsAt(replica).at(-1), {
      what: 'the stream is open at the replica',
    })
  ).response;

test('while no replica is there a stream of a known session is held, and carries what comes later', async (t) => {
  const { home, other, get } = await setup(t);
  await Promise.all([home.kill(), other.kill()]);
  const streams = [get(), get({ accept: 'text/event-stream, */*' })];
  for (const stream of streams) await waitFor(() => stream.status !== 0, { what: 'the head of the stream' });
  t.deepEqual(
    streams.map(({ status }) => status),
    [200, 200],
    'a 5xx would end the session of Go’s client',
  );
  const again = await startFakeReplica('again', other.port);
  t.teardown(() => again.kill());
  const upstream = await openStream(again);
  upstream.write(event({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'later' } }));
  await waitFor(() => streams.some(({ text }) => text.includes('later')), { what: 'the event on a held stream' });
});

test('a held stream is put back on the new replica, without Last-Event-ID and with catch-up', async (t) => {
  const { home, other, get } = await setup(t),
    stream = get();
  (await openStream(home)).write(
    event({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'before' } }),
  );
  await waitFor(() => stream.text.includes('before'), { what: 'a push' });
  await home.kill();
  (await openStream(other)).write(
    event({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'after' } }),
  );
  await waitFor(() => stream.text.includes('after'), { what: 'a push of the new replica' });
  t.regex(stream.text, /tools\/list_changed[^]*resources\/list_changed[^]*after/);
  t.is(streamsAt(other)[0]!.headers['last-event-id'], undefined);
  t.false(stream.isOver);
});

test('an open stream keeps its session alive, without a request; a session without one ages', async (t) => {
  const { fleet, rig, home, session, initialize, get, post } = await setup(t),
    stream = get(),
    open = await openStream(home),
    other = await initialize();
  const lastActivityMs = (id: string) => rig.directory.peek('linear', sessionDigest(id))!.lastActivityMs,
    ttlMs = fleet.policy.sessionTtlSeconds * 1000;
  const beganMs = lastActivityMs(session),
    otherMs = lastActivityMs(other);
  for (const quarter of [1, 2, 3, 5]) {
    fleet.now = () => beganMs + (quarter * ttlMs) / 4 + 60_000;
    await waitFor(() => lastActivityMs(session) === fleet.now(), { what: `activity in quarter ${quarter}` });
  }
  t.is(lastActivityMs(other), otherMs);
  // A call that takes its time counts as well, a stream that is closed does not.
  stream.close();
  await waitFor(() => open.destroyed, { what: 'the stream is closed at the replica' });
  const closedMs = fleet.now(); // the clock never goes back
  home.answer = ({ message }) => message?.method === 'tools/call'; // never
  void post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'write', arguments: {} } }).catch(
    () => undefined,
  );
  await waitFor(() => home.seen.some(({ message }) => message?.method === 'tools/call'), {
    what: 'the call is at the replica',
  });
  fleet.now = () => closedMs + ttlMs / 2;
  await waitFor(() => lastActivityMs(session) === fleet.now(), {
    what: `activity by the call, ${lastActivityMs(session)} of ${fleet.now()}`,
  });
});

test('a stream whose connection alone broke is opened again at the same replica', async (t) => {
  const { home, get, rig } = await setup(t),
    stream = get();
  (await openStream(home)).destroy();
  (await openStream(home, 2)).write(
    event({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'again' } }),
  );
  await waitFor(() => stream.text.includes('again'), { what: 'a push' });
  t.is(await rig.metric('mcp_session_recoveries_total'), 0);
});

test('a stream moves with its session when another request, or another gateway, moved it', async (t) => {
  const { fleet, home, other, get, post } = await setup(t),
    neighbour = await fleet.gateway('gateway-2');
  t.teardown(() => neighbour.close());
  const stream = get();
  await openStream(home);
  fleet.replicas.find(({ address }) => address.endsWith(`:${home.port}`))!.state = 'unhealthy';
  t.is((await post({ jsonrpc: '2.0', id: 1, method: 'tools/list' }, neighbour)).status, 200);
  (await openStream(other)).write(
    event({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'moved' } }),
  );
  await waitFor(() => stream.text.includes('moved'), { what: 'a push of the new replica' });
});

test('405 of a server without streams is passed on, and so is 409 for a second stream', async (t) => {
  const { home, get } = await setup(t);
  for (const status of [409, 405]) {
    home.answer = ({ method, response }) => {
      if (method !== 'GET') return false;
      json(response, {}, status);
      return true;
    };
    const stream = get();
    await stream.done;
    t.is(stream.status, status);
  }
});

test('a client that closes its stream closes it at the replica at once', async (t) => {
  const { home, get } = await setup(t),
    stream = get();
  const response = await openStream(home);
  stream.close();
  await waitFor(() => response.destroyed || response.writableEnded || response.closed, { what: 'it is closed' });
  t.pass();
});

test('a stream that the server ends for its client to resume is ended, and its Last-Event-ID meets the same replica', async (t) => {
  const { home, get } = await setup(t),
    stream = get();
  (await openStream(home)).end('id: e7\ndata: \n\n');
  await stream.done;
  get({ 'last-event-id': 'e7' });
  await waitFor(() => streamsAt(home).at(-1)?.headers['last-event-id'] === 'e7', { what: 'the resumption' });
  t.pass();
});

test('a call that waits to be resumed gets a typed error when its replica died meanwhile', async (t) => {
  const { fleet, home, get, post } = await setup(t);
  const neighbour = await fleet.gateway('gateway-2');
  t.teardown(() => neighbour.close());
  home.answer = ({ message, response }) => {
    if (message.method !== 'tools/call') return false;
    sse(response, 'id: e1\ndata: \n\n');
    response.end();
    return true;
  };
  t.is(
    await (await post({ jsonrpc: '2.0', id: 'waits', method: 'tools/call', params: { name: 'slow' } })).text(),
    'id: e1\ndata: \n\n',
  );
  await home.kill();
  const stream = get({ 'last-event-id': 'e1' }, neighbour);
  await stream.done;
  t.regex(stream.text, /"id":"waits","error":\{"code":-31001/, 'at any gateway');
});

test('DELETE ends the held stream', async (t) => {
  const { home, get, rig, session } = await setup(t),
    stream = get();
  await openStream(home);
  t.is(
    (await fetch(rig.url, { method: 'DELETE', headers: { ...rig.headers, 'x-holdfast-session': session } })).status,
    200,
  );
  await stream.done;
  t.true(stream.isOver);
});

test('with all replicas gone the stream is held, and goes on when one is back', async (t) => {
  const { fleet, home, other, get } = await setup(t),
    stream = get();
  await openStream(home);
  await Promise.all([home.kill(), other.kill()]);
  const late = await startFakeReplica('c');
  t.teardown(() => late.kill());
  fleet.replicas.push({ address: `127.0.0.1:${late.port}`, slot: '9', state: 'active' });
  (await openStream(late)).write(event({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'back' } }));
  await waitFor(() => stream.text.includes('back'), { what: 'a push of the new replica' });
  t.false(stream.isOver);
});

test('a gateway that can’t reach the store hands a session that it can’t judge to a neighbour, call and stream', async (t) => {
  const { fleet, rig, home, other, get, post } = await setup(t),
    cut = await fleet.gateway('gateway-2', { isCut: true });
  t.teardown(() => cut.close());
  fleet.relays = [cut, rig].map(({ port }) => `127.0.0.1:${port}`);
  await home.kill();
  const answer = await post({ jsonrpc: '2.0', id: 1, method: 'tools/list' }, cut);
  t.is(answer.status, 200);
  t.is(other.sessions.size, 1);
  await waitFor(() => rig.outcomes.some(({ method }) => method === 'tools/list'), { what: 'the neighbour reports it' });
  t.deepEqual(cut.outcomes, [], 'and only the neighbour');
  const stream = get({}, cut);
  (await openStream(other)).write(
    event({ jsonrpc: '2.0', method: 'notifications/message', params: { data: 'through both' } }),
  );
  await waitFor(() => stream.text.includes('through both'), { what: 'a push through both relays' });
});

test('of two GET streams of a session at a replica that gives one, the newest wins', async (t) => {
  const { get, home } = await setup(t);
  let isTaken = false;
  home.answer = ({ method, response }) => {
    if (method !== 'GET') return false;
    if (isTaken) json(response, { error: 'Only one SSE stream is allowed per session' }, 409);
    else {
      isTaken = true;
      sse(response, ': open\n\n');
      response.on('close', () => {
        isTaken = false;
      });
    }
    return true;
  };
  const older = get();
  await waitFor(() => older.text.includes(': open'), { what: 'the first stream' });
  const newer = get();
  await waitFor(() => newer.text.includes(': open'), { what: 'the second stream' });
  t.is(newer.status, 200);
  await waitFor(() => older.isOver, { what: 'the end of the first one' });
  t.false(newer.isOver);
});
