import test, { type ExecutionContext } from 'ava';
import { slotName } from '../../../proto/session-id.ts';
import { connectClient } from '../../../deploy/test/clients/connect-client.ts';
import {
  errorCode,
  type ClientHandlers,
  type ClientKind,
  type McpClient,
} from '../../../deploy/test/clients/mcp-client.ts';
import { startProcess, type StartedServer } from '../../../deploy/test/clients/start-process.ts';
import { isListening, waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { RigFleet, type RelayRig } from '../testing/relay-rig.ts';

async function start(
  t: ExecutionContext,
  count: number,
  policy: Record<string, unknown> = {},
): Promise<{ fleet: RigFleet; rig: RelayRig; servers: StartedServer[] }> {
  const servers = await Promise.all(Array.from({ length: count }, () => startProcess('linear', ['--http-sse'])));
  t.teardown(() => Promise.all(servers.map((server) => server.kill())));
  const fleet = new RigFleet(
      servers.map(({ port }) => port),
      policy,
    ),
    rig = await fleet.gateway();
  t.teardown(() => rig.close());
  return { fleet, rig, servers };
}
const connect = async (
  t: ExecutionContext,
  rig: RelayRig,
  kind: ClientKind = 'v1-sse',
  handlers: ClientHandlers = {},
) => {
  const client = await connectClient({ kind, url: rig.url, headers: rig.headers, handlers });
  t.teardown(() => client.close());
  return client;
};
const portOf = async (client: { callTool(name: string): Promise<{ data: Record<string, unknown> }> }) =>
  ((await client.callTool('whoami')).data as { replica: { port: number } }).replica.port;

for (const kind of ['v1-sse', 'v2-sse'] as ClientKind[]) {
  test(`${kind}: an HTTP+SSE session works, and goes on after its replica was killed while its stream is open`, async (t) => {
    const { rig, servers } = await start(t, 2);
    const client = await connect(t, rig, kind, { sampling: (prompt) => `you said ${prompt}` });
    await client.subscribe('issue:///ENG-3');
    await client.setLogLevel('warning');
    t.is((await client.callTool('sample', { prompt: 'hi', via: 'call' })).data.said, 'you said hi');
    const home = await portOf(client);
    await servers.find(({ port }) => port === home)!.kill();
    const { data } = await client.callTool('whoami');
    t.not((data.replica as { port: number }).port, home);
    t.deepEqual(data.subscriptions, ['issue:///ENG-3']);
    t.is(data.logLevel, 'warning');
    t.is(await rig.metric('mcp_session_recoveries_total'), 1);
    await waitFor(() => client.notifications.some(({ method }) => method === 'notifications/resources/updated'), {
      what: 'catch-up',
    });
  });
}

/** A client whose stream is held by `rig` and whose messages go through `other`. */
async function connectSplit(t: ExecutionContext, fleet: RigFleet, rig: RelayRig, other: RelayRig): Promise<McpClient> {
  fleet.relays = [rig, other].map(({ port }) => `127.0.0.1:${port}`);
  const viaOther = async (url: string | URL, init?: RequestInit): Promise<Response> => {
    const to = new URL(String(url));
    if (init?.method === 'POST') to.port = String(other.port);
    return fetch(to, init);
  };
  const client = await connectClient({ kind: 'v1-sse', url: rig.url, headers: rig.headers, fetch: viaOther });
  t.teardown(() => client.close());
  return client;
}

for (const isCut of [false, true]) {
  test(`calls that came through another gateway than the stream are followed as well${isCut ? ', also while that one can’t reach the store' : ''}`, async (t) => {
    const { fleet, rig, servers } = await start(t, 2, { trustAnnotations: true }),
      partition = { isCut: false },
      other = await fleet.gateway('gateway-2', partition);
    t.teardown(() => other.close());
    partition.isCut = isCut;
    const client = await connectSplit(t, fleet, rig, other),
      at = await portOf(client),
      victim = servers.find(({ port }) => port === at)!;
    await client.listTools();
    const direct = await connectClient({ kind: 'v1', url: victim.url });
    t.teardown(() => direct.close());
    const unsafe = client.callTool('charge', { key: 'order', afterMs: 60_000 }),
      safe = client.callTool('wait', { durationMs: 1500 });
    await waitFor(async () => (await direct.callTool('charges', { key: 'order' })).data.here === 1, {
      what: 'the call is in flight',
    });
    await victim.kill();
    const error = (await t.throwsAsync(unsafe)) as Error & { data?: unknown };
    t.is(errorCode(error), -31001);
    t.like(error.data, { outcome: 'sent_no_response', retrySafe: false });
    t.is((await safe).data.waitedMs, 1500);
    t.true(
      other.outcomes.every(({ method }) => method === 'GET'),
      'who holds the stream reports them, and nobody else',
    );
    await waitFor(() => rig.outcomes.some(({ tool, kind }) => tool === 'charge' && kind === 'replica_fault'), {
      what: 'the outcome',
    });
  });
}

for (const isSplit of [false, true]) {
  test(`an HTTP+SSE call has its deadline, which progress moves on${isSplit ? ', through whichever gateway it came' : ''}`, async (t) => {
    const { fleet, rig, servers } = await start(t, 1, { timeouts: { toolMs: { wait: 400, work: 3500 } } }),
      other = await fleet.gateway('gateway-2');
    t.teardown(() => other.close());
    const client = await connectSplit(t, fleet, rig, isSplit ? other : rig);
    const error = (await t.throwsAsync(client.callTool('wait', { durationMs: 2000 }))) as Error & { data?: unknown };
    t.is(errorCode(error), -31004);
    t.like(error.data, { outcome: 'sent_no_response' });
    const told: number[] = [];
    t.is(
      (
        await client.callTool(
          'work',
          { durationMs: 5000, steps: 50 },
          { onProgress: ({ progress }) => told.push(progress) },
        )
      ).data.steps,
      50,
    );
    t.true(told.length > 0);
    t.is(await portOf(client), servers[0]!.port);
    t.is(await rig.metric('mcp_session_recoveries_total'), 0, 'its replica is well: the session stays');
    // The SDK handles a notification a turn after it came, so progress that came along with the answer finds its call gone.
    const errors = client.transportErrors.filter(({ message }) => !message.includes('progress notification'));
    t.deepEqual(errors, [], 'a late answer does not reach the client');
  });
}

test('a replica that hangs: deadline error, and the session of HTTP+SSE moves', async (t) => {
  const { rig, servers } = await start(t, 3, {
      trustAnnotations: true,
      timeouts: { toolMs: { charge: 400 }, connectMs: 2000 },
    }),
    client = await connect(t, rig),
    at = await portOf(client);
  const victim = servers.find(({ port }) => port === at)!;
  await client.listTools();
  victim.process.pause();
  t.is(errorCode((await t.throwsAsync(client.callTool('charge', { key: 'hung' }))) as Error), -31004);
  t.not(await portOf(client), at);
  await waitFor(() => rig.reports.some(({ kind }) => kind === 'hanging'), { what: 'its report' });
});

test('a relay that ends lets an HTTP+SSE call finish before its stream ends', async (t) => {
  const { rig } = await start(t, 1),
    client = await connect(t, rig);
  let isAtWork = false;
  const call = client.callTool(
    'work',
    { durationMs: 500, steps: 5 },
    {
      onProgress: () => {
        isAtWork = true;
      },
    },
  );
  await waitFor(() => isAtWork, { what: 'the call is in flight' });
  const closed = rig.relay.close();
  t.is((await call).data.steps, 5);
  await closed;
});

test('an unsafe HTTP+SSE call in flight gets a typed error on the stream, and a later call works', async (t) => {
  const { rig, servers } = await start(t, 2);
  const client = await connect(t, rig);
  const at = await portOf(client),
    victim = servers.find(({ port }) => port === at)!,
    direct = await connectClient({ kind: 'v1', url: victim.url });
  t.teardown(() => direct.close());
  const call = client.callTool('charge', { key: 'order', afterMs: 60_000 });
  await waitFor(async () => (await direct.callTool('charges', { key: 'order' })).data.here === 1, {
    what: 'the call is in flight',
  });
  await victim.kill();
  const error = (await t.throwsAsync(call)) as Error & { data?: unknown };
  t.is(errorCode(error), -31001);
  t.like(error.data, { outcome: 'sent_no_response', retrySafe: false });
  t.is((await client.callTool('echo', { text: 'on' })).data.text, 'on');
});

test('messages may come through another gateway than the stream, also after a move', async (t) => {
  const { fleet, rig, servers } = await start(t, 2),
    other = await fleet.gateway('gateway-2');
  t.teardown(() => other.close());
  const client = await connectSplit(t, fleet, rig, other),
    home = await portOf(client);
  await servers.find(({ port }) => port === home)!.kill();
  t.not(await portOf(client), home);
});

test('a replica that ends while an HTTP+SSE session moves to it: the session moves on, and its call with it', async (t) => {
  const { fleet, rig, servers } = await start(t, 3, { trustAnnotations: true, timeouts: { recoveryMs: 30_000 } });
  const client = await connect(t, rig),
    ended = [await portOf(client)];
  const kill = async (port: number): Promise<void> => {
    await servers.find((each) => each.port === port)!.kill();
    await waitFor(async () => !(await isListening(port)), { what: 'its connections are closed' });
  };
  const move = rig.directory.move.bind(rig.directory);
  rig.directory.move = async (record, epoch) => {
    const moved = await move(record, epoch);
    if (ended.length === 1) {
      ended.push(Number(fleet.replicas.find(({ slot }) => slot === record.slot)!.address.split(':')[1]));
      await kill(ended[1]!);
    }
    return moved;
  };
  await client.listTools();
  const safe = client.callTool('wait', { durationMs: 1500 });
  await waitFor(() => rig.outcomes.some(({ method }) => method === 'tools/list'), { what: 'the tools are known' });
  await kill(ended[0]!);
  t.is((await safe).data.waitedMs, 1500);
  t.false(ended.includes(await portOf(client)));
  t.is(ended.length, 2);
});

for (const isApart of [false, true])
  test(`a replica that was restarted took an HTTP+SSE stream before it had its new slot: the session is rebuilt${isApart ? ', also by a message through another gateway' : ''}`, async (t) => {
    const { fleet, rig } = await start(t, 1);
    const other = isApart ? await fleet.gateway('gateway-2') : null;
    if (other) t.teardown(() => other.close());
    const client = other ? await connectSplit(t, fleet, rig, other) : await connect(t, rig);
    await client.subscribe('issue:///ENG-3');
    for (const replica of fleet.replicas) replica.slot = slotName(9);
    const { data } = await client.callTool('whoami');
    t.deepEqual(data['subscriptions'], ['issue:///ENG-3']);
    t.is(await rig.metric('mcp_session_recoveries_total'), 1);
  });

test('the endpoint that the client is told is the mesh’s own, whatever the server says; it never leads to another host', async (t) => {
  const { rig } = await start(t, 1),
    gone = new AbortController();
  const answer = await fetch(rig.url, {
    headers: { ...rig.headers, accept: 'text/event-stream', 'x-envoy-original-path': '/mcp/linear?x=1' },
    signal: gone.signal,
  });
  const reader = answer.body!.getReader(),
    text = new TextDecoder().decode((await reader.read()).value);
  t.regex(text, /^event: endpoint\ndata: \/mcp\/linear\?holdfast-session=1~[\w-]+\n\n/);
  gone.abort();
  await t.throwsAsync(reader.read());
});

test('when its client closes the stream, the session is over everywhere', async (t) => {
  const { rig, servers } = await start(t, 1);
  const client = await connect(t, rig);
  await client.close();
  await waitFor(
    async () =>
      ((await (await fetch(`http://127.0.0.1:${servers[0]!.port}/__stats`)).json()) as { sessions: number })
        .sessions === 0,
    { what: 'the replica has no session' },
  );
  const lost = await fetch(`${rig.url}?holdfast-session=1~AAAA`, {
    method: 'POST',
    headers: { ...rig.headers, 'content-type': 'application/json' },
    body: '{"jsonrpc":"2.0","id":5,"method":"ping"}',
  });
  t.is(lost.status, 404);
  t.like(await lost.json(), { id: 5, error: { code: -32001 } });
});

test('a server that has no HTTP+SSE answers the GET itself', async (t) => {
  const server = await startProcess('linear');
  t.teardown(() => server.kill());
  const rig = await new RigFleet([server.port]).gateway();
  t.teardown(() => rig.close());
  const direct = await fetch(server.url, { headers: { accept: 'text/event-stream' } }),
    through = await fetch(rig.url, { headers: { ...rig.headers, accept: 'text/event-stream' } });
  t.is(through.status, direct.status);
  t.deepEqual(await through.text(), await direct.text());
});
