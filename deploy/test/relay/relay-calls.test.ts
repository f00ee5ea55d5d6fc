import test, { type ExecutionContext } from 'ava';
import { sessionDigest } from '../../../proto/session-record.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { beginSession, fakeFleet, homeAndOther, onSession } from './fake-fleet.ts';
import { event, json, sse, type FakeReplica } from './fake-replica.ts';
import type { RigFleet, RelayRig } from './relay-rig.ts';

interface Setup {
  fleet: RigFleet;
  rig: RelayRig;
  replicas: FakeReplica[];
  session: string;
  home: FakeReplica;
  other: FakeReplica;
  post: (message: unknown, headers?: Record<string, string>, signal?: AbortSignal) => Promise<Response>;
}

/** Two scripted replicas, a relay, and a session on one of them. */
async function setup(t: ExecutionContext, policy: Record<string, unknown> = {}): Promise<Setup> {
  const { fleet, replicas, gateway } = await fakeFleet(t, policy);
  const rig = await gateway();
  const session = await beginSession(rig);
  const [home, other] = homeAndOther(replicas);
  return {
    fleet,
    rig,
    replicas,
    session,
    home,
    other,
    post: (message, headers, signal) =>
      rig.post(JSON.stringify(message), { ...onSession(session), ...headers }, signal && { signal }),
  };
}
const call = (tool: string, id: string | number = 1) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: tool, arguments: {} },
});
const list = (id: string | number = 1) => ({ jsonrpc: '2.0', id, method: 'tools/list' });
const kinds = (rig: RelayRig) => rig.outcomes.slice(1).map(({ kind }) => kind);
/** An outcome may come a moment after the answer that the client has. */
const ended = (rig: RelayRig) => waitFor(() => kinds(rig).length > 0, { what: 'the outcome' });
const eventsOf = (text: string) =>
  text
    .split('\n\n')
    .map((part) => /^data: (.*)$/m.exec(part)?.[1])
    .filter((data) => data !== undefined)
    .map((data) => JSON.parse(data) as Record<string, any>);

test('an older server’s 400 about the session of a live record is a lost session', async (t) => {
  const { home, post, rig } = await setup(t);
  home.answer = ({ session, response }) => {
    if ((session !== undefined && session === 'a-1') || session === 'b-1') {
      json(
        response,
        { jsonrpc: '2.0', id: null, error: { code: -32000, message: 'Bad Request: No valid session ID provided' } },
        400,
      );
      return true;
    }
    return false;
  };
  const answer = await post(call('write'));
  t.is(answer.status, 200);
  t.truthy(((await answer.json()) as { result: unknown }).result);
  t.is(await rig.metric('mcp_session_recoveries_total'), 1);
});

test('a session’s requests keep it alive, noted every five seconds; what no session of its own is asked for does not', async (t) => {
  const { post, rig, fleet, session } = await setup(t),
    digest = sessionDigest(session);
  const lastActivityMs = () => rig.directory.peek('linear', digest)!.lastActivityMs,
    beganMs = lastActivityMs();
  const askAt = async (laterMs: number, headers?: Record<string, string>): Promise<number> => {
    const before = rig.outcomes.length;
    fleet.now = () => beganMs + laterMs;
    await (await post(list(), headers)).text();
    await waitFor(() => rig.outcomes.length > before, { what: 'the outcome' });
    return lastActivityMs() - beganMs;
  };
  t.is(await askAt(1000), 1000, 'its first use');
  t.is(await askAt(5900), 1000);
  t.is(await askAt(6000), 6000);
  t.is(await askAt(20_000, { 'x-holdfast-session': 'none~of-these' }), 6000);
  t.is(await askAt(30_000), 30_000);
});

test('the same 400 for a session that the mesh doesn’t know is passed on', async (t) => {
  const { home, post, fleet } = await setup(t);
  home.answer = ({ response }) => {
    json(response, { error: 'no such session' }, 400);
    return true;
  };
  t.is(
    (
      await post(call('write'), {
        'x-holdfast-session': `${fleet.replicas.find(({ address }) => address.endsWith(`:${home.port}`))!.slot}~unknown`,
      })
    ).status,
    400,
  );
});

for (const isSse of [false, true]) {
  test(`-32602 to everything (${isSse ? 'SSE' : 'JSON'}) is a session that was never initialized; a real one is passed on`, async (t) => {
    const { home, post, rig } = await setup(t);
    const refusal = (id: unknown) => ({
      jsonrpc: '2.0',
      id,
      error: { code: -32602, message: 'Invalid request parameters', data: '' },
    });
    const refuse = (request: Parameters<FakeReplica['answer']>[0]) => {
      if (!isSse) return json(request.response, refusal(request.message.id));
      sse(request.response, event(refusal(request.message.id)));
      request.response.end();
    };
    home.answer = (request) => {
      if (request.message.method === 'tools/call') {
        refuse(request);
        return true;
      }
      return false;
    };
    const passed = await post(call('write', 'x'));
    const text = await passed.text();
    t.deepEqual(isSse ? eventsOf(text)[0]! : JSON.parse(text), refusal('x'));
    home.answer = (request) => {
      if (request.session?.endsWith('-1') && request.message.method !== undefined && request.message.id !== undefined) {
        refuse(request);
        return true;
      }
      return false;
    };
    // The client had heard nothing of the first answer, so the second one comes in its own form.
    const recovered = await (await post(call('write', 'y'))).json();
    t.like(recovered, { id: 'y', error: undefined });
    t.is(await rig.metric('mcp_session_recoveries_total'), 1);
  });
}

test('an SSE answer that ends without the result: a read is carried out again on the same stream', async (t) => {
  const { home, post, rig } = await setup(t);
  home.answer = ({ message, response }) => {
    if (message.method !== 'tools/list') return false;
    sse(response, event({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'first' } }));
    home.answer = () => false;
    response.end();
    return true;
  };
  const answer = await post(list('r'));
  t.is(answer.headers.get('content-type'), 'text/event-stream');
  t.deepEqual(
    eventsOf(await answer.text()).map(({ method, id }) => method ?? id),
    ['notifications/message', 'r'],
  );
  t.is(await rig.metric('mcp_session_recoveries_total'), 0, 'the session was alive all the time');
  await ended(rig);
  t.deepEqual(kinds(rig), ['success']);
});

test('an SSE answer that breaks in an unsafe call ends with an error event for its id, never in the middle of an event', async (t) => {
  const { home, post, rig } = await setup(t);
  home.answer = ({ message, response }) => {
    if (message.method !== 'tools/call') return false;
    sse(
      response,
      `${event({ jsonrpc: '2.0', method: 'notifications/message', params: {} })}event: message\ndata: {"jsonrpc":"2.0","id":"u","res`,
    );
    setImmediate(() => response.destroy());
    return true;
  };
  const events = eventsOf(await (await post(call('write', 'u'))).text());
  t.is(events.length, 2);
  t.like(events[1], {
    id: 'u',
    error: { code: -31001, data: { outcome: 'partial_response', retrySafe: false, attempts: 1, server: 'linear' } },
  });
  await ended(rig);
  t.deepEqual(kinds(rig), ['replica_fault']);
});

test('a JSON answer that breaks in the middle is as if it had not begun: a read is sent again', async (t) => {
  const { home, post } = await setup(t);
  home.answer = ({ message, response }) => {
    if (message.method !== 'tools/list') return false;
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' }).write('{"jsonrpc":');
    home.answer = () => false;
    setTimeout(() => response.destroy(), 10);
    return true;
  };
  t.like(await (await post(list())).json(), { id: 1, error: undefined });
});

test('a JSON answer that breaks in an unsafe call is a typed error with status 200, as JSON or as what is accepted', async (t) => {
  const { home, post, other } = await setup(t);
  home.answer = ({ message, response }) => {
    if (message.method === 'tools/call') {
      response.destroy();
      return true;
    }
    return false;
  };
  const answer = await post(call('write', 7));
  t.is(answer.status, 200);
  const expected = { id: 7, error: { code: -31001, data: { outcome: 'sent_no_response', retrySafe: false } } };
  t.like(await answer.json(), expected);
  const streamed = await (await post(call('write', 7), { accept: 'text/event-stream' })).text();
  t.like(eventsOf(streamed)[0], expected);
  t.false(other.seen.some(({ message }) => message.method === 'tools/call'));
});

test('each request of a batch gets its own error, and a batch is not sent again after part of it was answered', async (t) => {
  const { home, post } = await setup(t);
  home.answer = ({ body, response }) => {
    if (!body.startsWith('[')) return false;
    sse(response, event({ jsonrpc: '2.0', id: 1, result: {} }));
    setImmediate(() => response.destroy());
    return true;
  };
  const events = eventsOf(
    await (await post([list(1), list('two'), { jsonrpc: '2.0', method: 'notifications/x' }, list(3)])).text(),
  );
  t.deepEqual(
    events.map(({ id, error }) => [id, error?.code]),
    [
      [1, undefined],
      ['two', -31001],
      [3, -31001],
    ],
  );
});

test('a deadline counts from the last progress, and its error leaves a live replica’s session where it is', async (t) => {
  const { home, post, rig } = await setup(t, { timeouts: { toolMs: { slow: 4000 } } });
  let progress = 0;
  home.answer = ({ message, response }) => {
    if (message.method !== 'tools/call') return false;
    sse(response, '');
    const timer = setInterval(() => {
      if (progress++ < 12)
        response.write(
          event({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress } }),
        );
      else clearInterval(timer);
    }, 500);
    return true;
  };
  const events = eventsOf(await (await post(call('slow', 'd'))).text());
  t.is(events.length, 13, 'progress for longer than the deadline, each in time, then the deadline');
  t.like(events[12], { id: 'd', error: { code: -31004, data: { outcome: 'partial_response' } } });
  await waitFor(
    () =>
      home.seen.some(
        ({ message }) => message.method === 'notifications/cancelled' && message.params?.requestId === 'd',
      ),
    { what: 'the replica is told' },
  );
  t.is(await rig.metric('mcp_session_recoveries_total'), 0);
});

test('a replica that hangs altogether: deadline error, a report, and the session moves', async (t) => {
  const { home, post, rig, other } = await setup(t, { timeouts: { toolMs: { hangs: 300 }, connectMs: 500 } });
  home.answer = ({ message }) => message.method !== 'initialize';
  t.like(await (await post(call('hangs', 'h'))).json(), { id: 'h', error: { code: -31004 } });
  await waitFor(() => rig.reports.some(({ kind }) => kind === 'hanging') && other.sessions.size > 0, {
    what: 'report and move',
  });
  t.like(await (await post(list('next'))).json(), { id: 'next', error: undefined });
});

test('a client that goes away takes its call with it at once', async (t) => {
  const { home, post, rig } = await setup(t);
  let isClosed = false;
  home.answer = ({ message, response }) => {
    if (message.method !== 'tools/call') return false;
    response.on('close', () => {
      isClosed = true;
    });
    return true;
  };
  const gone = new AbortController(),
    answer = post(call('write'), {}, gone.signal);
  await waitFor(() => home.seen.some(({ message }) => message.method === 'tools/call'), { what: 'the call is there' });
  gone.abort();
  await t.throwsAsync(answer);
  await waitFor(() => isClosed, { what: 'the replica sees it' });
  await waitFor(() => kinds(rig).includes('cancelled'), { what: 'the outcome' });
});

test('onReplicaLoss notify404 answers 404, fail an error with status 200; neither rebuilds', async (t) => {
  for (const [onReplicaLoss, status] of [
    ['notify404', 404],
    ['fail', 200],
  ] as const) {
    const { home, other, post } = await setup(t, { onReplicaLoss });
    await home.kill();
    t.is((await post(list())).status, status, onReplicaLoss);
    if (status === 200) t.is((await post({ jsonrpc: '2.0', method: 'notifications/initialized' })).status, 202);
    t.is(other.sessions.size, 0);
  }
});

test('an idle session leaves a draining replica with its next request, and is deleted there', async (t) => {
  const { fleet, home, other, post, rig } = await setup(t);
  fleet.replicas.find(({ address }) => address.endsWith(`:${home.port}`))!.state = 'draining';
  t.like(await (await post(call('write'))).json(), { id: 1, error: undefined });
  t.is(other.sessions.size, 1);
  await waitFor(() => home.sessions.size === 0, { what: 'DELETE at the old replica' });
  t.is(await rig.metric('mcp_session_recoveries_total'), 1);
});

test('a session with a call in flight stays on its draining replica', async (t) => {
  const { fleet, home, other, post } = await setup(t);
  let finish = () => {};
  home.answer = ({ message, response }) => {
    if ((message.params as { name?: string } | undefined)?.name !== 'long') return false;
    finish = () => json(response, { jsonrpc: '2.0', id: message.id, result: {} });
    return true;
  };
  const long = post(call('long', 'l'));
  await waitFor(() => home.seen.some(({ message }) => message.id === 'l'), { what: 'the call is in flight' });
  fleet.replicas.find(({ address }) => address.endsWith(`:${home.port}`))!.state = 'draining';
  t.is((await post(list(2))).status, 200);
  t.is(other.sessions.size, 0);
  finish();
  t.is((await long).status, 200);
});

test('an answer to a question of a dead upstream session is taken and dropped; one to the present one arrives with the server’s own id', async (t) => {
  const { home, other, post } = await setup(t);
  await home.kill();
  t.is((await post(list())).status, 200);
  t.is((await post({ jsonrpc: '2.0', id: 0, result: { late: true } })).status, 202);
  t.false(other.seen.some(({ message }) => message.result !== undefined));
  other.answer = ({ message, response }) => {
    if (message.method !== 'tools/call') return false;
    sse(
      response,
      event({ jsonrpc: '2.0', id: 0, method: 'roots/list' }) + event({ jsonrpc: '2.0', id: message.id, result: {} }),
    );
    response.end();
    return true;
  };
  const [question] = eventsOf(await (await post(call('ask'))).text());
  t.is(question!.method, 'roots/list');
  t.not(question!.id, 0);
  t.is((await post({ jsonrpc: '2.0', id: question!.id, result: { roots: [] } })).status, 202);
  t.is(other.seen.at(-1)!.message.id, 0);
});

test('a body over the limit ends its call alone; one that is many times too large gets 413', async (t) => {
  const { post } = await setup(t, { maxBodyBytes: 1024 });
  const answer = await post(call('x'.repeat(2000)));
  t.is(answer.status, 200);
  t.like(await answer.json(), { id: call('').id, error: { code: -31007, data: { outcome: 'not_sent' } } });
  const larger = await post(call('x'.repeat(20_000)));
  t.is(larger.status, 413);
  t.like(await larger.json(), { id: null, error: { code: -31007 } });
});

test('a replica’s 401 during a recovery reaches the client as it is', async (t) => {
  const { home, other, post } = await setup(t);
  other.answer = ({ response }) => {
    response.writeHead(401, { 'www-authenticate': 'Bearer resource_metadata="x"' }).end('{}');
    return true;
  };
  await home.kill();
  const answer = await post(list());
  t.is(answer.status, 401);
  t.is(answer.headers.get('www-authenticate'), 'Bearer resource_metadata="x"');
});

test('a replica without a promised capability is not taken: the session is unknown, and nothing is left there', async (t) => {
  const { home, other, post } = await setup(t);
  other.answer = ({ message, response }) => {
    if (message.method !== 'initialize') return false;
    other.sessions.add('less');
    json(
      response,
      { jsonrpc: '2.0', id: message.id, result: { protocolVersion: '2025-11-25', capabilities: { tools: {} } } },
      200,
      { 'mcp-session-id': 'less' },
    );
    return true;
  };
  await home.kill();
  t.is((await post(list())).status, 404);
  await waitFor(() => !other.sessions.has('less'), { what: 'DELETE of what was built' });
});

test('Authorization and keys of the live request go along with a recovery, hop-by-hop and mesh headers do not', async (t) => {
  const { home, other, post } = await setup(t);
  const credentials = { authorization: 'Bearer opaque', 'x-api-key': 'k' };
  await post(list(), credentials);
  await home.kill();
  await post(list(), { ...credentials, 'x-holdfast-way': 'relay' });
  const { headers } = other.seen.find(({ message }) => message.method === 'initialize')!;
  t.like(headers, { authorization: 'Bearer opaque', 'x-api-key': 'k' });
  t.deepEqual(
    Object.keys(headers).filter((name) => name.startsWith('x-holdfast')),
    [],
  );
  t.is(headers['mcp-protocol-version'], undefined);
});
