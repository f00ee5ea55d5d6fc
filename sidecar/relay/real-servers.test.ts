import test, { type ExecutionContext } from 'ava';
import { connectClient } from '../../deploy/test/clients/connect-client.ts';
import { errorCode, type ClientHandlers, type ClientKind } from '../../deploy/test/clients/mcp-client.ts';
import { startProcess, type StartedServer } from '../../deploy/test/clients/start-process.ts';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { RigFleet, type RelayRig } from './testing/relay-rig.ts';

async function start(
  t: ExecutionContext,
  count: number,
  policy: Record<string, unknown> = {},
  args: string[] = [],
): Promise<{ fleet: RigFleet; rig: RelayRig; servers: StartedServer[] }> {
  const servers = await Promise.all(Array.from({ length: count }, () => startProcess('linear', args)));
  t.teardown(() => Promise.all(servers.map((server) => server.kill())));
  const fleet = new RigFleet(
      servers.map(({ port }) => port),
      policy,
    ),
    rig = await fleet.gateway();
  t.teardown(() => rig.close());
  return { fleet, rig, servers };
}
const connect = async (t: ExecutionContext, rig: RelayRig, kind: ClientKind = 'v1', handlers: ClientHandlers = {}) => {
  const client = await connectClient({ kind, url: rig.url, headers: rig.headers, handlers });
  t.teardown(() => client.close());
  return client;
};
/** The server process that a client's session lives on now. */
const homeOf = async (
  client: { callTool(name: string): Promise<{ data: Record<string, unknown> }> },
  servers: StartedServer[],
): Promise<StartedServer> => {
  const { replica } = (await client.callTool('whoami')).data as { replica: { port: number } };
  return servers.find(({ port }) => port === replica.port)!;
};

for (const kind of ['v1', 'v2-legacy'] as ClientKind[]) {
  test(`${kind}: a session goes on after its replica was killed, with level, subscriptions and notifications`, async (t) => {
    const { rig, servers } = await start(t, 2);
    const client = await connect(t, rig, kind);
    const id = client.sessionId!;
    t.regex(id, /^[12]~/);
    await client.subscribe('issue:///ENG-3');
    await client.setLogLevel('warning');
    const home = await homeOf(client, servers);
    await home.kill();
    const { data } = await client.callTool('whoami');
    t.not((data.replica as { port: number }).port, home.port);
    t.deepEqual(data.subscriptions, ['issue:///ENG-3']);
    t.is(data.logLevel, 'warning');
    t.is(client.sessionId, id);
    // the held GET stream was put back: what the new replica pushes arrives, and what may have been missed was told
    await waitFor(
      () =>
        client.notifications.some(
          ({ method, params }) => method === 'notifications/resources/updated' && params?.uri === 'issue:///ENG-3',
        ),
      { what: 'catch-up' },
    );
    const before = client.notifications.length;
    await client.callTool('announce', { list: 'tools' });
    await waitFor(
      () => client.notifications.slice(before).some(({ method }) => method === 'notifications/tools/list_changed'),
      { what: 'a push of the new replica' },
    );
    t.is(await rig.metric('mcp_session_recoveries_total'), 1);
    t.true(rig.reports.some(({ kind: what }) => what === 'unreachable'));
  });
}

test('the session’s own server→client requests work, before and after a move', async (t) => {
  const { rig, servers } = await start(t, 2);
  const client = await connect(t, rig, 'v1', { sampling: (prompt) => `you said ${prompt}`, roots: ['file:///a'] });
  for (let turn = 0; turn < 2; turn++) {
    for (const via of ['call', 'stream'])
      t.is((await client.callTool('sample', { prompt: 'hi', via })).data.said, 'you said hi', `turn ${turn}, ${via}`);
    if (turn === 0) await (await homeOf(client, servers)).kill();
    await client.ping();
    if (turn === 0) await waitFor(() => client.notifications.length > 0, { what: 'the GET stream is back' });
  }
});

test('a safe call in flight is carried out again on another replica when its replica is killed', async (t) => {
  const { rig, servers } = await start(t, 2, { trustAnnotations: true });
  const client = await connect(t, rig);
  const home = await homeOf(client, servers);
  const call = client.callTool('wait', { durationMs: 1500 });
  await waitFor(() => rig.relay !== undefined && inFlight(home), { what: 'the call is in flight' });
  await home.kill();
  const { data } = await call;
  t.is(data.waitedMs, 1500);
  t.is(
    (await waitFor(() => rig.outcomes.findLast(({ tool }) => tool === 'wait'), { what: 'the outcome' })).kind,
    'success',
  );
});

test('an unsafe call in flight gets a typed error on its stream at once, and is not carried out again', async (t) => {
  const { rig, servers } = await start(t, 2);
  const client = await connect(t, rig);
  const home = await homeOf(client, servers);
  const call = client.callTool('charge', { key: 'order-1', afterMs: 60_000 });
  await waitFor(() => inFlight(home), { what: 'the call is in flight' });
  const killedMs = performance.now();
  await home.kill();
  const error = (await t.throwsAsync(call)) as Error & { data?: Record<string, unknown> };
  t.true(performance.now() - killedMs < 10_000, 'no hang');
  t.is(errorCode(error), -31001);
  t.like(error.data, { outcome: 'sent_no_response', retrySafe: false, server: 'linear', attempts: 1 });
  t.is((await client.callTool('charges', { key: 'order-1' })).data.here, 0);
  await waitFor(async () => (await rig.metric('mcp_calls_ambiguous_total')) > 0, { what: 'the count' });
  t.is(await rig.metric('mcp_calls_ambiguous_total'), 1);
});

test('a replica that comes back empty at the same address is noticed by its 404', async (t) => {
  const { rig, servers } = await start(t, 1);
  const client = await connect(t, rig);
  await servers[0]!.process.kill();
  await servers[0]!.process.start();
  t.is((await client.callTool('echo', { text: 'a' })).data.text, 'a');
  t.is(
    rig.reports.some(({ kind }) => kind === 'unknown-session' || kind === 'unreachable'),
    true,
  );
});

test('all replicas down: a typed error with the id at once; the session goes on when one is back', async (t) => {
  const { rig, servers } = await start(t, 1);
  const client = await connect(t, rig);
  await servers[0]!.process.kill();
  const body = JSON.stringify({ jsonrpc: '2.0', id: 'my-id', method: 'tools/list' });
  const refused = await rig.post(body, { 'mcp-session-id': client.sessionId! });
  t.is(refused.status, 200);
  t.like(await refused.json(), {
    id: 'my-id',
    error: { code: -31002, data: { outcome: 'not_sent', retrySafe: true } },
  });
  await servers[0]!.process.start();
  t.is((await client.callTool('echo', { text: 'b' })).data.text, 'b');
});

test('a deleted session is unknown afterwards and is never rebuilt', async (t) => {
  const { rig, servers } = await start(t, 2);
  const client = await connect(t, rig);
  const id = client.sessionId!;
  await client.terminate();
  const ping = () => rig.post('{"jsonrpc":"2.0","id":1,"method":"ping"}', { 'mcp-session-id': id });
  t.is((await ping()).status, 404);
  await servers[0]!.kill();
  t.is((await ping()).status, 404);
  t.is(await rig.metric('mcp_session_recoveries_total'), 0);
});

test('two gateways: a session made on one goes on through the other, also when its replica dies', async (t) => {
  const { fleet, rig, servers } = await start(t, 2);
  const other = await fleet.gateway('gateway-2');
  t.teardown(() => other.close());
  const client = await connect(t, rig);
  const home = await homeOf(client, servers);
  await home.kill();
  const whoami = async (gateway: RelayRig) => {
    const answer = await gateway.post(
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","arguments":{}}}',
      { 'mcp-session-id': client.sessionId!, 'mcp-protocol-version': client.protocolVersion! },
    );
    return [answer.status, /\\"sessionId\\":\\"([^\\]+)/.exec(await answer.text())?.[1]] as const;
  };
  const [first, second] = await Promise.all([whoami(rig), whoami(other)]);
  t.deepEqual(first, second);
  t.is(first[0], 200);
});

/** A request beside the ones that are answered: the call that is in flight. */
async function inFlight(server: StartedServer): Promise<boolean> {
  const stats = (await (await fetch(`http://127.0.0.1:${server.port}/__stats`)).json()) as {
    requests: number;
    sessions: number;
  };
  return stats.requests >= 5;
}
