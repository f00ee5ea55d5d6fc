import test from 'ava';
import { sessionDigest } from '../../../proto/session-record.ts';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { call, eventsOf, list, setup } from '../testing/call-rig.ts';
import { beginSession, fakeFleet, homeAndOther, onSession } from '../testing/fake-fleet.ts';
import { event, json, sse, type FakeReplica } from '../testing/fake-replica.ts';

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
    // A busy machine must not make a replica that is asked seem to hang.
    const { home, post, rig } = await setup(t, { timeouts: { connectMs: 30_000 } });
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

test('an answer to initialize that comes after its recovery has ended leaves nothing at that replica', async (t) => {
  const { home, other, post } = await setup(t, { timeouts: { initializeMs: 1000 } });
  const late = Promise.withResolvers<void>();
  other.answer = ({ message, response }) => {
    if (message.method !== 'initialize') return false;
    other.sessions.add('late');
    const result = { protocolVersion: '2025-11-25', capabilities: { tools: {}, prompts: {} } };
    void late.promise.then(() =>
      json(response, { jsonrpc: '2.0', id: message.id, result }, 200, { 'mcp-session-id': 'late' }),
    );
    return true;
  };
  await home.kill();
  t.regex(await (await post(list())).text(), /"error"/);
  t.true(other.sessions.has('late'));
  late.resolve();
  await waitFor(() => !other.sessions.has('late'), { what: 'DELETE of what came too late' });
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

test('a call is answered though its replica died and the one that is asked for the session hangs', async (t) => {
  const { replicas, gateway } = await fakeFleet(t, { timeouts: { recoveryMs: 3000 } }, ['a', 'b', 'c']);
  const rig = await gateway();
  const session = await beginSession(rig);
  const [home] = homeAndOther(replicas);
  let isHung = false;
  for (const replica of replicas)
    replica.answer = ({ message }) => {
      if (message.method !== 'initialize' || isHung) return false;
      isHung = true;
      return true;
    };
  await home.kill();
  const answer = await rig.post(JSON.stringify(list()), onSession(session));
  t.is(answer.status, 200);
  t.truthy(((await answer.json()) as { result: unknown }).result);
  t.true(isHung);
  t.is(rig.directory.peek('linear', sessionDigest(session))?.epoch, 1);
});
