import anyTest, { type TestFn } from 'ava';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { sessionDigest } from '../../proto/session-record.ts';
import { abandonRequest } from './testing/abandon-request.ts';
import { startEnvoyNode, type EnvoyNode } from './testing/envoy-node.ts';
import { initialize, ping, send } from './testing/send.ts';

const test = anyTest as TestFn<EnvoyNode>;

/** How many clients go away while the sidecar is asked about their request. */
const GOING_CLIENTS = 1500;
/** In a title: unary calls are answered by Node's HTTP/2 server. */
const PLAIN = 'with --plain-ext-proc';

test.beforeEach(async (t) => {
  t.context = await startEnvoyNode({ isPlain: t.title.includes(PLAIN) });
});
test.afterEach.always(async (t) => {
  await t.context.close?.();
});

test.serial(
  'a session begins with the mesh’s id, is recorded whole, and each later request meets its replica under the replica’s own id',
  async (t) => {
    const { port, replicas, directory } = t.context;
    for (const kind of ['json', 'sse']) {
      const begun = await send(port, initialize(kind), {
        'x-holdfast-host': '127.0.0.1:1',
        'x-holdfast-session': 'spoofed',
      });
      const id = String(begun.headers['mcp-session-id']);
      t.regex(id, /^[12]~up-/);
      const found = await directory.find('linear', sessionDigest(id));
      t.like(found, {
        kind: 'live',
        record: {
          slot: id[0],
          upstreamId: id.slice(2),
          backend: 'stable',
          protocolVersion: '2025-06-18',
          capabilities: { tools: {} },
          userId: 'anonymous',
          initializeParams: { clientInfo: { name: kind } },
        },
      });
      for (let i = 0; i < 3; i += 1) {
        const answer = await send(port, ping, { 'mcp-session-id': id });
        t.deepEqual(JSON.parse(answer.body), { slot: id[0], upstream: id.slice(2) });
        t.is(answer.headers['mcp-session-id'], id);
      }
      t.is(replicas.find(({ slot }) => slot === id[0])!.seen.at(-1)!.headers['x-holdfast-session'], id);
    }
  },
);

test.serial('new sessions spread over the replicas; a stateless server keeps none', async (t) => {
  const { port, directory } = t.context;
  await Promise.all(Array.from({ length: 40 }, () => send(port, initialize())));
  t.deepEqual([...directory.counts('linear')].toSorted(), [
    ['1', 20],
    ['2', 20],
  ]);
  t.is((await send(port, initialize('stateless'))).headers['mcp-session-id'], undefined);
  t.is(directory.sizes.cached, 40);
});

test.serial('a replica that died hands its initialize to the relay, whose id stays', async (t) => {
  const { port, replicas, relay } = t.context;
  for (const { server } of replicas) {
    server.closeAllConnections();
    server.close();
  }
  const answer = await send(port, initialize());
  t.like(answer, { status: 200, headers: { 'mcp-session-id': '1~from-relay' } });
  t.is(relay.seen[0]!.headers['x-envoy-attempt-count'], '2');
  t.true(relay.seen[0]!.body.includes('initialize'));
});

for (const by of ['', `, ${PLAIN}`])
  test.serial(
    `a moved session goes where its record says; a lost one to the relay; an ended one is unknown${by}`,
    async (t) => {
      const { port, directory } = t.context;
      const id = String((await send(port, initialize())).headers['mcp-session-id']);
      const found = await directory.find('linear', sessionDigest(id));
      if (found.kind !== 'live') return t.fail('the session is not known');
      const other = id[0] === '1' ? '2' : '1';
      await directory.move({ ...found.record, slot: other, upstreamId: 'elsewhere', epoch: 1 }, 0);
      const moved = await send(port, ping, { 'mcp-session-id': id });
      t.deepEqual(JSON.parse(moved.body), { slot: other, upstream: 'elsewhere' });
      t.is(moved.headers['mcp-session-id'], id);
      await directory.move({ ...found.record, slot: '9', upstreamId: 'gone', epoch: 2 }, 1);
      t.like(JSON.parse((await send(port, ping, { 'mcp-session-id': id })).body), { slot: 'relay' });
      await directory.tombstone('linear', sessionDigest(id));
      const ended = await send(port, ping, { 'mcp-session-id': id });
      t.is(ended.status, 404);
      t.deepEqual(JSON.parse(ended.body), {
        jsonrpc: '2.0',
        id: 'q-1',
        error: { code: -32001, message: 'Session not found' },
      });
    },
  );

test.serial(
  'strangers, other principals and hostile ids are refused with the request’s id; nothing breaks',
  async (t) => {
    const { port, errors } = t.context;
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const bearer = (sub: string): string => `Bearer ${part({ alg: 'none' })}.${part({ iss: 'i', sub })}.x`;
    const id = String((await send(port, initialize(), { authorization: bearer('ann') })).headers['mcp-session-id']);
    t.regex(id, /^[12]p~/);
    t.is((await send(port, ping, { 'mcp-session-id': id, authorization: bearer('ann') })).status, 200);
    const refused = await Promise.all([
      send(port, ping, { 'mcp-session-id': id, authorization: bearer('eve') }),
      send(port, ping, { 'mcp-session-id': id }),
      send(port, ping, { 'mcp-session-id': 'zz~unknown' }),
      send(port, ping, { 'mcp-session-id': 'no slot' }),
      send(port, ping, { 'mcp-session-id': 'no-slot' }),
    ]);
    t.deepEqual(
      refused.map(({ status }) => status),
      [404, 404, 404, 404, 404],
    );
    for (const { body } of refused) t.is(body, refused[0]!.body);
    t.is((await send(port, ping, { 'mcp-session-id': ['1~a', '1~b'] })).status, 404);
    t.is((await send(port, ping, { 'mcp-session-id': `1~${'x'.repeat(8192)}` })).status, 404);
    for (const body of ['', '{"broken', '[]', '[{"jsonrpc":"2.0","id":1,"method":"ping"}]', '"text"', 'null'])
      t.is((await send(port, body)).status, 200, body);
    t.is((await send(port, Buffer.alloc(5 << 20, 'x'))).status, 200);
    t.is((await send(port, '', {}, 'DELETE')).status, 200);
    t.deepEqual(errors, []);
  },
);

test.serial(
  '24,000 requests at full speed through one Envoy, with a session (one unary call each) and without, none fails',
  async (t) => {
    t.timeout(120_000);
    const { port, envoy, extProc, errors } = t.context;
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => String((await send(port, initialize())).headers['mcp-session-id'])),
    );
    const total = 12_000;
    for (const named of [ids, [null]]) {
      let failed = 0,
        next = 0;
      const cpu = process.cpuUsage(),
        startedAt = performance.now();
      await Promise.all(
        Array.from({ length: 64 }, async () => {
          while (next < total) {
            const id = named[next++ % named.length]!;
            const answer = await send(port, ping, id === null ? {} : { 'mcp-session-id': id }).catch(() => undefined);
            if (answer?.status !== 200 || !answer.body.includes(id === null ? '"upstream":null' : id.slice(2)))
              failed += 1;
          }
        }),
      );
      const used = process.cpuUsage(cpu);
      t.log(
        `${named === ids ? 'with a session' : 'without'}: ${Math.round((total / (performance.now() - startedAt)) * 1000)} requests/s with client, replicas and sidecar in one process (${Math.round((used.user + used.system) / total)} µs CPU a request)`,
      );
      t.is(failed, 0);
    }
    t.deepEqual(errors, []);
    const stats = await envoy.stats('ext_proc');
    t.is(stats['http.mcp.ext_proc.streams_started'], total + 20);
    t.is(stats['http.mcp.ext_proc.streams_failed'], 0);
    for (const name of ['streams_started', 'stream_msgs_sent', 'stream_msgs_received'])
      t.is(stats[`http.mcp.ext_proc.once.${name}`], total, name);
    t.is(stats['http.mcp.ext_proc.once.streams_failed'], 0);
    await waitFor(() => extProc.openStreams === 0, { what: 'no stream is open' });
  },
);

test.serial('clients that go away while the sidecar is asked, by either way, harm nobody', async (t) => {
  t.timeout(120_000);
  const { port, extProc, errors, envoy } = t.context;
  const id = String((await send(port, initialize())).headers['mcp-session-id']),
    pid = envoy.process.pid;
  let begun = 0,
    areGoing = true;
  const honest = (async () => {
    const failed: { status: number; body: string }[] = [];
    const named: Record<string, string>[] = [{}, { 'mcp-session-id': id }];
    do {
      for (const headers of named) {
        const { status, body } = await send(port, ping, headers);
        if (status !== 200) failed.push({ status, body });
      }
    } while (areGoing);
    return failed;
  })();
  await Promise.all(
    Array.from({ length: 32 }, async () => {
      while (begun++ < GOING_CLIENTS) {
        await abandonRequest(port, begun % 3 === 0 ? initialize() : ping, begun % 3 === 1 ? id : undefined);
      }
    }),
  );
  areGoing = false;
  t.deepEqual(await honest, []);
  const stats = await envoy.stats('upstream_rq_(cancelled|tx_reset)');
  t.true(
    stats['cluster.decide.upstream_rq_tx_reset']! > 0 && stats['cluster.sidecar.upstream_rq_tx_reset']! > 0,
    JSON.stringify(stats),
  );
  t.is(envoy.process.pid, pid);
  await waitFor(() => extProc.openStreams === 0, { what: 'no stream is open' });
  t.deepEqual(errors, []);
});
