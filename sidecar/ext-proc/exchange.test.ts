import test from 'ava';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import { serverPolicySchema } from '../../proto/server-policy.ts';
import { clientSessionId } from '../../proto/session-id.ts';
import type { BreakerName } from '../breaker/breaker-table.ts';
import type { GateAnswer } from '../breaker/breakers.ts';
import { sampleIdentities } from '../principal/testing/sample-identities.ts';
import { createSessionDirectory } from '../session/cached-directory.ts';
import { createMemoryStore } from '../session/memory-store.ts';
import { sampleRecord } from '../session/testing/sample-record.ts';
import { makeServerView } from '../xds/topology.ts';
import { UNLIMITED } from '../budget/new-sessions.ts';
import { Arrivals } from './arrivals.ts';
import { Exchange, type ExchangeContext } from './exchange.ts';
import { addHeader, noHeaders, type BodyRead, type MessageKind, type ProcessingMessage } from './messages.ts';
import type { Reply } from './replies.ts';

const replica = (slot: string, backend = 'stable'): ReplicaEndpoint => ({
  server: 'linear',
  replica: slot,
  backend,
  slot,
  address: `127.0.0.1:300${slot}`,
  state: 'active',
  isSteady: false,
  weight: 100,
});
const breakerOf = (level: 'replica' | 'tool', key: string): BreakerName => ({ server: 'linear', level, key });

function contextWith(
  gate: (slot: string) => GateAnswer = () => ({ kind: 'admit', permit: null }),
  endpoints = [replica('1'), replica('2')],
) {
  const released: string[] = [],
    asked: string[] = [];
  const view = makeServerView(
    {
      policy: serverPolicySchema.parse({ name: 'linear' }),
      lostSlots: [],
      backends: [{ name: 'stable', weight: 100 }],
    },
    endpoints,
  );
  const context: ExchangeContext = {
    identities: sampleIdentities(),
    server: (name) => (name === 'linear' ? view : undefined),
    relay: '127.0.0.1:7900',
    arrivals: new Arrivals(),
    sessions: UNLIMITED,
    refused: () => undefined,
    now: () => 5000,
    random: () => 0,
    onCreated: () => {},
    onError: () => {},
    directory: createSessionDirectory({
      store: createMemoryStore({ nodeId: 'a', now: () => 5000 }),
      nodeId: 'a',
      ttlSeconds: () => 3600,
      clock: { now: () => 5000, after: () => () => {}, every: () => () => {} },
    }),
    gate: (_server, slot) => {
      asked.push(slot);
      return gate(slot);
    },
    release: (permit) => {
      released.push(permit);
    },
  };
  return { context, released, asked };
}

function message(
  kind: MessageKind,
  values: Record<string, string>,
  rest: Partial<ProcessingMessage>,
): ProcessingMessage {
  const headers = noHeaders();
  for (const [name, value] of Object.entries(values)) addHeader(headers, name, value);
  return {
    kind,
    headers,
    body: Buffer.alloc(0),
    isLast: false,
    read: { method: null, id: null, name: null },
    slot: null,
    ...rest,
  };
}
const requestHeaders = (headers: Record<string, string>, read: Partial<BodyRead> = {}): ProcessingMessage =>
  message(
    'request_headers',
    { ':method': 'POST', ...headers },
    { read: { method: null, id: null, name: null, ...read } },
  );
const responseHeaders = (headers: Record<string, string>, slot: string | null): ProcessingMessage =>
  message('response_headers', { ':status': '200', ...headers }, { slot });

interface Mutation {
  set_headers?: { header: { key: string; raw_value: Buffer } }[];
}
interface Read {
  status?: number;
  body?: { error: { code: number }; id: unknown };
  set: Readonly<Record<string, string>>;
  metadata: unknown;
}
const written = (mutation: Mutation | undefined): Record<string, string> =>
  Object.fromEntries((mutation?.set_headers ?? []).map(({ header }) => [header.key, header.raw_value.toString()]));
function read(reply: Reply): Read {
  if (reply.then !== undefined) return { set: reply.set ?? {}, metadata: reply.metadata };
  const answer = reply['immediate_response'] as
    | { status: { code: number }; headers: Mutation; body: Buffer }
    | undefined;
  const phase = reply['response_headers'] as { response: { header_mutation?: Mutation } } | undefined;
  return {
    set: written(answer?.headers ?? phase?.response.header_mutation),
    metadata: reply['dynamic_metadata'],
    ...(answer && { status: answer.status.code, body: JSON.parse(answer.body.toString()) as Read['body'] & object }),
  };
}

test('initialize avoids a slot whose breaker rejects; when all do, the client is told when to come again', async (t) => {
  const some = contextWith((slot) =>
    slot === '1'
      ? { kind: 'reject', breaker: breakerOf('replica', slot), retryAfterMs: 4000 }
      : { kind: 'admit', permit: 'p-7' },
  );
  const exchange = new Exchange(some.context, 'linear');
  const begun = read(await exchange.on(requestHeaders({}, { method: 'initialize', id: 1 })));
  t.is(begun.set['x-holdfast-host'], '127.0.0.1:3002,127.0.0.1:7900');
  t.truthy(begun.set['x-envoy-retry-on']);
  t.is(begun.set['x-envoy-upstream-rq-per-try-timeout-ms'], '10000');
  t.deepEqual(begun.metadata, { permit: 'p-7' });
  const none = contextWith((slot) => ({
    kind: 'reject',
    breaker: breakerOf('replica', slot),
    retryAfterMs: Number(slot) * 3000,
  }));
  const refused = read(
    await new Exchange(none.context, 'linear').on(requestHeaders({}, { method: 'initialize', id: 'a' })),
  );
  t.like(refused, { status: 503, body: { id: 'a', error: { code: -31003 } }, set: { 'retry-after': '3' } });
  t.deepEqual(none.asked, ['1', '2']);
});

test('a permit is released only when its request never went on; arrivals are counted until the session is known', async (t) => {
  const { context, released } = contextWith(() => ({ kind: 'admit', permit: 'p-1' }));
  const cut = new Exchange(context, 'linear'),
    whole = new Exchange(context, 'linear');
  await cut.on(requestHeaders({}, { method: 'initialize', id: 1 }));
  t.is(context.arrivals.at('linear', '1'), 1);
  await whole.on(requestHeaders({}, { method: 'initialize', id: 1 }));
  t.is(context.arrivals.at('linear', '2'), 1);
  cut.close(false);
  t.is(context.arrivals.at('linear', '1'), 0);
  await whole.on(responseHeaders({ 'mcp-session-id': 'up' }, '2'));
  t.is(context.arrivals.at('linear', '2'), 0);
  t.is(context.directory.counts('linear').get('2'), 1);
  whole.close(true);
  whole.close(true);
  t.deepEqual(released, ['p-1']);
});

test('only a replica’s own id makes a session: not a relay’s answer, not an error, not a stateless server', async (t) => {
  const { context } = contextWith();
  for (const answer of [
    responseHeaders({ 'mcp-session-id': '1~known' }, null),
    responseHeaders({ ':status': '400', 'mcp-session-id': 'up' }, '1'),
    responseHeaders({}, '1'),
    responseHeaders({ 'mcp-session-id': '' }, '1'),
  ]) {
    const exchange = new Exchange(context, 'linear');
    await exchange.on(requestHeaders({}, { method: 'initialize', id: 1 }));
    t.deepEqual(read(await exchange.on(answer)).set, {});
  }
  t.is(context.directory.sizes.cached, 0);
});

test('a session of a replica with an open breaker goes to the relay, a call of a tool with one is refused; an ended one is unknown', async (t) => {
  const open: { level: 'replica' | 'tool' | null } = { level: 'tool' };
  const { context } = contextWith(() =>
    open.level
      ? { kind: 'reject', breaker: breakerOf(open.level, '1'), retryAfterMs: 100 }
      : { kind: 'admit', permit: null },
  );
  const clientId = clientSessionId({ slot: '1', upstreamId: 'up', principal: null });
  const record = sampleRecord({ clientId, slot: '1', lastActivityMs: 5000 });
  await context.directory.remember(record);
  const sent = { 'x-holdfast-session': clientId, 'mcp-session-id': 'up' };
  t.like(read(await new Exchange(context, 'linear').on(requestHeaders(sent, { method: 'tools/call', id: 9 }))), {
    status: 503,
    body: { id: 9, error: { code: -31003 } },
  });
  open.level = 'replica';
  t.deepEqual(
    read(await new Exchange(context, 'linear').on(requestHeaders(sent, { method: 'tools/call', id: 9 }))).metadata,
    { host: '127.0.0.1:7900' },
  );
  open.level = null;
  const pinned = read(await new Exchange(context, 'linear').on(requestHeaders(sent)));
  t.deepEqual([pinned.set, pinned.metadata], [{}, { host: '127.0.0.1:3001,127.0.0.1:7900' }]);
  // Moved: the replica knows it by another id than Envoy takes from the client's.
  await context.directory.move({ ...record, slot: '2', upstreamId: 'else', epoch: 1 }, 0);
  const moved = read(await new Exchange(context, 'linear').on(requestHeaders(sent)));
  t.deepEqual([moved.set, moved.metadata], [{ 'mcp-session-id': 'else' }, { host: '127.0.0.1:3002,127.0.0.1:7900' }]);
  await context.directory.tombstone('linear', record.digest);
  t.like(read(await new Exchange(context, 'linear').on(requestHeaders(sent, { id: 10 }))), {
    status: 404,
    body: { id: 10 },
  });
});

test('activity is noted every five seconds, each second where the replica is drained, and often enough for a short life', async (t) => {
  const touchedAfter = async (endpoint: ReplicaEndpoint, sessionTtlSeconds: number): Promise<number[]> => {
    const touched: number[] = [],
      { context } = contextWith(undefined, [endpoint]);
    const view = makeServerView(
      {
        policy: serverPolicySchema.parse({ name: 'linear', sessionTtlSeconds }),
        lostSlots: [],
        backends: [{ name: 'stable', weight: 100 }],
      },
      [endpoint],
    );
    const clientId = clientSessionId({ slot: '1', upstreamId: 'up', principal: null });
    let nowMs = 5000;
    await context.directory.remember(sampleRecord({ clientId, slot: '1', lastActivityMs: nowMs }));
    const { directory } = context;
    const touch = directory.touch.bind(directory);
    directory.touch = (server, digest, atMs) => {
      touched.push(atMs - 5000);
      touch(server, digest, atMs);
    };
    for (; nowMs <= 15_000; nowMs += 250)
      await new Exchange({ ...context, directory, server: () => view, now: () => nowMs }, 'linear').on(
        requestHeaders({ 'x-holdfast-session': clientId }),
      );
    return touched;
  };
  t.deepEqual(await touchedAfter(replica('1'), 3600), [5000, 10_000]);
  t.deepEqual(
    await touchedAfter({ ...replica('1'), state: 'draining' }, 3600),
    Array.from({ length: 10 }, (_, i) => 1000 * (i + 1)),
  );
  t.deepEqual(await touchedAfter(replica('1'), 10), [2500, 5000, 7500, 10_000]);
  t.deepEqual(
    await touchedAfter({ ...replica('1'), state: 'draining' }, 2),
    Array.from({ length: 20 }, (_, i) => 500 * (i + 1)),
  );
});

test('a server that nobody has told of yet, or without a replica, is answered with 503', async (t) => {
  const { context } = contextWith(undefined, []);
  t.like(read(await new Exchange(context, 'linear').on(requestHeaders({}, { method: 'initialize', id: 1 }))), {
    status: 503,
    body: { id: 1, error: { code: -31002 } },
    set: { 'retry-after': '1' },
  });
  t.like(read(await new Exchange(context, 'queryquill').on(requestHeaders({}, { method: 'initialize', id: 1 }))), {
    status: 503,
  });
  t.like(read(await new Exchange(context, '').on(requestHeaders({}))), { status: 503 });
});

test('a unary call about an empty session id is left to the relay, whoever is asked; a request without one begins a session', async (t) => {
  const { context, asked } = contextWith();
  const empty: Record<string, string>[] = [{}, { 'x-holdfast-session': '' }, { 'x-holdfast-session': ' , ' }];
  for (const headers of empty) {
    const { metadata, set } = read(
      await new Exchange(context, 'linear').on(
        requestHeaders({ 'x-holdfast-server': 'linear', ...headers }, { method: 'initialize', id: 1 }),
      ),
    );
    t.deepEqual([metadata, set], [{ host: '127.0.0.1:7900' }, {}]);
  }
  t.deepEqual(asked, []);
  t.is(
    read(await new Exchange(context, 'linear').on(requestHeaders({}, { method: 'initialize', id: 1 }))).set[
      'x-holdfast-host'
    ],
    '127.0.0.1:3001,127.0.0.1:7900',
  );
});

test('beyond rateLimit the relay refuses what is on a session; all else is refused at once, with its id and no replica', async (t) => {
  const { context, asked } = contextWith();
  const refused: string[] = [];
  context.refused = (server, limit) => refused.push(`${server} ${limit}`);
  const limited = { 'x-holdfast-rate-limited': '127.0.0.1:7900,' };
  const on = async (headers: Record<string, string>) =>
    read(
      await new Exchange(context, 'linear').on(requestHeaders({ ...limited, ...headers }, { method: 'x', id: 'i' })),
    );
  for (const asked of [{}, { 'x-holdfast-server': 'linear' }])
    t.deepEqual((await on({ 'x-holdfast-session': '1~up', ...asked })).metadata, { host: '127.0.0.1:7900' });
  t.like(await on({}), { status: 503, body: { id: 'i', error: { code: -31_006 } }, set: { 'retry-after': '1' } });
  t.deepEqual([refused, asked], [['linear request_rate'], []]);
});
