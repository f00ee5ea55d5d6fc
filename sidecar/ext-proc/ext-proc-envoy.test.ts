import anyTest, { type TestFn } from 'ava';
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { freePort } from '../../deploy/test/mesh/free-port.ts';
import { startEnvoy, type Envoy } from '../../deploy/test/mesh/start-envoy.ts';
import { temporaryFolder } from '../../deploy/test/mesh/temporary-folder.ts';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import { serverPolicySchema } from '../../proto/server-policy.ts';
import { sessionDigest } from '../../proto/session-record.ts';
import { unarySocket } from '../../proto/wire.ts';
import { sampleIdentities } from '../principal/testing/sample-identities.ts';
import { createSessionDirectory } from '../session/cached-directory.ts';
import { createMemoryStore } from '../session/memory-store.ts';
import type { SessionDirectory } from '../session/session-directory.ts';
import { makeServerView } from '../xds/topology.ts';
import { UNLIMITED } from '../budget/new-sessions.ts';
import { abandonRequest } from './testing/abandon-request.ts';
import { Arrivals } from './arrivals.ts';
import { startExtProc, type ExtProc } from './start-ext-proc.ts';
import { testEnvoyConfig } from './testing/test-envoy-config.ts';
import { startReplica, type Replica } from './testing/start-replica.ts';

interface Context {
  envoy: Envoy;
  extProc: ExtProc;
  directory: SessionDirectory;
  port: number;
  replicas: Replica[];
  relay: Replica;
  errors: unknown[];
  close(): Promise<void>;
}
const test = anyTest as TestFn<Context>;

/** How many clients go away while the sidecar is asked about their request. */
const GOING_CLIENTS = 1500;
/** In a title: unary calls are answered by Node's HTTP/2 server. */
const PLAIN = 'with --plain-ext-proc';

test.beforeEach(async (t) => {
  const folder = await temporaryFolder();
  const socket = join(folder.path, 'ext-proc.sock'),
    port = await freePort(),
    errors: unknown[] = [];
  const replicas = await Promise.all(['1', '2'].map(startReplica)),
    relay = await startReplica('relay');
  const endpoints = replicas.map(
    (replica): ReplicaEndpoint => ({
      server: 'linear',
      replica: replica.slot,
      backend: 'stable',
      slot: replica.slot,
      address: `127.0.0.1:${replica.port}`,
      state: 'active',
      isSteady: false,
      weight: 100,
    }),
  );
  const view = makeServerView(
    {
      policy: serverPolicySchema.parse({ name: 'linear' }),
      lostSlots: [],
      backends: [{ name: 'stable', weight: 100 }],
    },
    endpoints,
  );
  const directory = createSessionDirectory({
    store: createMemoryStore({ nodeId: 'a' }),
    nodeId: 'a',
    ttlSeconds: () => 3600,
  });
  const options = {
    server: (name: string) => (name === 'linear' ? view : undefined),
    directory,
    identities: sampleIdentities(),
    relay: `127.0.0.1:${relay.port}`,
    gate: () => ({ kind: 'admit' as const, permit: null }),
    ...{ arrivals: new Arrivals(), sessions: UNLIMITED, refused: () => undefined },
    ...{ now: Date.now, random: Math.random, onCreated: () => {}, release: () => {} },
    metrics: { extProc: () => {}, extProcStreams: () => {} },
    onError: (error: unknown) => errors.push(error),
  };
  const isPlain = t.title.includes(PLAIN);
  const extProc = await startExtProc({ ...options, addresses: [socket], isPlain, accessLogs: async () => 'taken' });
  const envoy = await startEnvoy({
    config: testEnvoyConfig({ port, socket, unary: unarySocket(socket), replicas, relayPort: relay.port }),
    folder: folder.path,
  });
  const close = async (): Promise<void> => {
    await envoy.close();
    await extProc.close(100);
    await directory.close();
    for (const { server } of [...replicas, relay]) {
      server.closeAllConnections();
      server.close();
    }
    await folder.remove();
  };
  t.context = { envoy, extProc, directory, port, replicas, relay, errors, close };
});
test.afterEach.always(async (t) => {
  await t.context.close?.();
});

const agent = new Agent({ keepAlive: true, maxSockets: 64 });
interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}
function send(
  port: number,
  body: string | Buffer,
  headers: Record<string, string | string[]> = {},
  method = 'POST',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        port,
        host: '127.0.0.1',
        method,
        path: '/mcp/linear',
        agent,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...headers },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString() }),
        );
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}
const initialize = (name = 'test'): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: { sampling: {} }, clientInfo: { name, version: '1' } },
  });
const ping = JSON.stringify({ jsonrpc: '2.0', id: 'q-1', method: 'ping' });

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
