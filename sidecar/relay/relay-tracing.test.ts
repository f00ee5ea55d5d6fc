import test, { type ExecutionContext } from 'ava';
import { tracingSchema } from '../../proto/tracing.ts';
import { ATTRIBUTE, SPAN } from '../tracing/conventions.ts';
import { KeptSpans, type KeptSpan } from '../tracing/testing/kept-spans.ts';
import { traceparentOf } from '../tracing/trace-context.ts';
import { Tracing } from '../tracing/tracing.ts';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { beginSession, fakeFleet, homeAndOther, onSession } from './testing/fake-fleet.ts';
import type { FakeReplica, FakeRequest } from './testing/fake-replica.ts';
import type { RigFleet } from './testing/relay-rig.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = (flags: '00' | '01', trace = TRACE): string => `00-${trace}-00f067aa0ba902b7-${flags}`;

interface Setup {
  fleet: RigFleet;
  home: FakeReplica;
  other: FakeReplica;
  kept: KeptSpans;
  /** A GET or DELETE on the session. */
  ask: (method: 'GET' | 'DELETE', headers: Record<string, string>, signal?: AbortSignal) => Promise<Response>;
  post: (message: unknown, headers?: Record<string, string>) => Promise<Response>;
}

/** A relay that traces, two scripted replicas, and a session on one of them. */
async function setup(t: ExecutionContext, sampling: object = {}, more: object = {}): Promise<Setup> {
  const { fleet, replicas, gateway } = await fakeFleet(t);
  const kept = new KeptSpans();
  const tracing = new Tracing({
    load: async () => kept,
    now: () => 0,
    random: () => 0.5,
    onError: (error) => t.fail(String(error)),
    leftOut: () => undefined,
  });
  // The clients of most tests are the operator's own.
  const followed = { followClients: true, ...sampling };
  tracing.configure(tracingSchema.parse({ endpoint: 'http://127.0.0.1:4317', sampling: followed, ...more }));
  fleet.traces = tracing;
  const rig = await gateway();
  const send = (message: unknown, headers: Record<string, string>) =>
    fetch(rig.url, {
      method: 'POST',
      headers: { ...rig.headers, 'content-type': 'application/json', accept: 'application/json', ...headers },
      body: JSON.stringify(message),
    });
  const session = await beginSession(rig);
  const [home, other] = homeAndOther(replicas);
  await waitFor(() => rig.outcomes.length === 1, { what: 'the end of the first request, and of its spans' });
  kept.spans.length = 0;
  return {
    ...{ fleet, home, other, kept },
    ask: (method, headers, signal) =>
      fetch(rig.url, {
        method,
        headers: { ...rig.headers, ...onSession(session), accept: 'text/event-stream', ...headers },
        ...(signal && { signal }),
      }),
    post: (message, headers = {}) => send(message, { ...onSession(session), ...headers }),
  };
}

const read = (meta: object = {}) => ({
  ...{ jsonrpc: '2.0', id: 'r-1', method: 'resources/read' },
  params: { uri: 'file:///a', _meta: meta },
});
const parentIn = ({ message }: FakeRequest): unknown =>
  (message.params?.['_meta'] as { traceparent?: string } | undefined)?.traceparent;
const headerOf = ({ headers }: FakeRequest): unknown => headers['traceparent'];
/** A look at the session's record that crosses into the next millisecond has a span of its own. */
const withoutWaits = ({ spans }: KeptSpans): KeptSpan[] => spans.filter(({ name }) => name !== SPAN.wait);
const lastOf = ({ seen }: FakeReplica): FakeRequest => seen[seen.length - 1]!;
const spanAt = (spans: KeptSpan[], name: string): KeptSpan[] => spans.filter((span) => span.name === name);

test('each attempt and each message of a recovery is a span, and the parent that its replica sees', async (t) => {
  const { home, other, kept, post } = await setup(t);
  home.answer = ({ message }) => {
    if (message.method !== 'resources/read') return false;
    void home.kill();
    return true;
  };
  const meta = { traceparent: traceparent('01'), tracestate: 'a=1' };
  const answer = await post(read(meta), { traceparent: traceparent('01'), tracestate: 'a=1' });
  t.is(answer.status, 200);
  await answer.text();
  const wait = `internal ${SPAN.wait}`;
  t.deepEqual(
    kept.names.filter((name) => name !== wait),
    [
      'server resources/read',
      'client resources/read',
      `internal ${SPAN.recovery}`,
      'client initialize',
      'client notifications/initialized',
      'client resources/read',
    ],
  );
  const [root, first, second] = spanAt(kept.spans, 'resources/read');
  t.is(headerOf(lastOf(home)), traceparentOf(first!.context));
  t.is(headerOf(lastOf(other)), traceparentOf(second!.context));
  t.is(parentIn(lastOf(home)), headerOf(lastOf(home)), '_meta says the same as the header');
  t.is(parentIn(lastOf(other)), headerOf(lastOf(other)));
  t.is(lastOf(other).headers['tracestate'], 'a=1');
  const initialize = other.seen.find(({ message }) => message.method === 'initialize');
  t.is(headerOf(initialize!), traceparentOf(spanAt(kept.spans, 'initialize')[0]!.context));
  t.is(parentIn(initialize!), undefined, '_meta only where the client had put it');
  t.deepEqual([first!.error, second!.error, root!.error], ['UND_ERR_SOCKET', null, null]);
  t.like(root!.attributes, { [ATTRIBUTE.requestId]: 'r-1', [ATTRIBUTE.resourceUri]: 'file:///a' });
  t.is(second!.attributes[ATTRIBUTE.resendCount], 1);
});

test('a GET stream is one span for as long as it is held, with each attempt and the recovery that it waits for', async (t) => {
  const { home, other, kept, ask } = await setup(t);
  const stop = new AbortController();
  const answer = await ask('GET', { traceparent: traceparent('01') }, stop.signal);
  t.is(answer.status, 200);
  t.deepEqual(
    withoutWaits(kept).map(({ name, kind }) => `${kind} ${name}`),
    ['server GET', 'client GET'],
  );
  const [root, first] = kept.spans;
  t.is(headerOf(lastOf(home)), traceparentOf(first!.context));
  t.like(root!.attributes, { [ATTRIBUTE.httpMethod]: 'GET', [ATTRIBUTE.server]: 'linear' });
  t.regex(String(root!.attributes[ATTRIBUTE.sessionDigest]), /^[0-9a-f]{12}$/);
  t.deepEqual([root!.endMs, first!.endMs], [null, null]);
  await home.kill();
  await waitFor(() => spanAt(kept.spans, 'GET').length === 3, { what: 'the stream at the other replica' });
  t.truthy(first!.error);
  const [recovery] = spanAt(kept.spans, SPAN.recovery);
  t.is(recovery!.parent?.spanId, root!.context.spanId);
  t.is(spanAt(kept.spans, 'initialize')[0]!.parent?.spanId, recovery!.context.spanId);
  await waitFor(() => other.seen.some(({ method }) => method === 'GET'), { what: 'the other replica is asked' });
  t.is(root!.endMs, null, 'the client has its stream still');
  stop.abort();
  await waitFor(() => root!.endMs !== null, { what: 'the end of the stream' });
  const last = spanAt(kept.spans, 'GET')[2]!;
  t.deepEqual([root!.error, last.error], [null, null], 'that a client goes is the end of a stream, and no error');
  t.not(last.endMs, null);
});

test('a DELETE is a span, with the attempt at the replica as its parent', async (t) => {
  const { home, kept, ask } = await setup(t);
  const answer = await ask('DELETE', { traceparent: traceparent('01') });
  t.true(answer.ok);
  await answer.arrayBuffer();
  t.deepEqual(
    withoutWaits(kept).map(({ name, kind }) => `${kind} ${name}`),
    ['server DELETE', 'client DELETE'],
  );
  const [root, attempt] = kept.spans;
  t.is(headerOf(lastOf(home)), traceparentOf(attempt!.context));
  t.deepEqual([root!.error, attempt!.error], [null, null]);
  t.is(attempt!.attributes[ATTRIBUTE.httpStatus], answer.status);
});

test('a DELETE that nobody keeps makes no span, and its headers pass as they came', async (t) => {
  const { home, kept, ask } = await setup(t, { ratio: 0, keep: [] });
  const answer = await ask('DELETE', { traceparent: traceparent('00') });
  await answer.arrayBuffer();
  t.is(headerOf(lastOf(home)), traceparent('00'));
  t.deepEqual(kept.names, []);
});

test('a tracestate in _meta that no header can hold is left out, and the call goes through', async (t) => {
  const { home, kept, post } = await setup(t);
  for (const state of ['a=1\r\nx-evil: 1', 'a=漢', 'a=\u0000']) {
    const answer = await post(read({ traceparent: traceparent('01'), tracestate: state }));
    t.is(answer.status, 200, JSON.stringify(state));
    await answer.text();
    t.is(lastOf(home).headers['tracestate'], undefined);
    t.is(lastOf(home).headers['x-evil'], undefined);
    t.is(headerOf(lastOf(home)), traceparentOf(spanAt(kept.spans, 'resources/read').at(-1)!.context));
  }
});

test('what the ratio left out and went well makes no span, and its headers pass as they came', async (t) => {
  const { home, kept, post } = await setup(t);
  await (await post(read({ traceparent: traceparent('00') }), { traceparent: traceparent('00') })).text();
  t.deepEqual(kept.names, []);
  t.is(headerOf(lastOf(home)), traceparent('00'));
  t.is(parentIn(lastOf(home)), traceparent('00'));
});

test('an error that the ratio left out is kept with the times that it had, unless the operator wants none', async (t) => {
  for (const keep of [['errors'], []]) {
    const { home, kept, post } = await setup(t, { keep });
    home.answer = ({ message, response }) => {
      if (message.method !== 'tools/call') return false;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code: -32603, message: 'no' } }));
      return true;
    };
    const call = { jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'pay' } };
    await (await post(call, { traceparent: traceparent('00') })).text();
    if (keep.length === 0) t.deepEqual(kept.names, []);
    else {
      await waitFor(() => kept.spans[0]?.endMs != null, { what: 'the span ends' });
      t.deepEqual(kept.names, ['server tools/call pay']);
      t.like(kept.spans[0]?.attributes, { [ATTRIBUTE.rpcStatus]: '-32603', [ATTRIBUTE.tool]: 'pay' });
      t.is(kept.spans[0]?.error, '-32603');
    }
  }
});

test('a context in _meta alone is the parent, and the gateway’s own trace a link; strangers decide nothing', async (t) => {
  const other = 'd'.repeat(32);
  const send = async (sampling: object) => {
    const { kept, post } = await setup(t, sampling);
    await (await post(read({ traceparent: traceparent('01') }), { traceparent: traceparent('00', other) })).text();
    return kept.spans[0];
  };
  const span = await send({});
  t.is(span?.parent?.traceId, TRACE);
  t.is(span?.link?.traceId, other);
  t.is(await send({ followClients: false }), undefined);
});

test('where no Envoy traces, the sidecar decides by the ratio, and gives replicas the trace that it begins', async (t) => {
  const from = ['sidecars'];
  for (const [ratio, count] of [
    [0.6, 2],
    [0.4, 0],
  ] as const) {
    const { home, kept, post } = await setup(t, { ratio }, { from });
    await (await post(read())).text();
    const spans = withoutWaits(kept);
    t.is(spans.length, count, `ratio ${ratio}`);
    t.is(headerOf(lastOf(home)), spans[1] && traceparentOf(spans[1].context));
    kept.spans.length = 0;
    await (await post(read(), { traceparent: traceparent('01') })).text();
    t.is(withoutWaits(kept).length, 2, 'a client that wants its trace has it');
  }
  const strangers = await setup(t, { ratio: 0.4, followClients: false }, { from });
  await (await strangers.post(read(), { traceparent: traceparent('01') })).text();
  t.deepEqual(strangers.kept.names, []);
});

for (const [what, sampling] of [
  ['the ratio takes', { ratio: 1, keep: [] }],
  ['is kept as a recovery', { ratio: 0 }],
] as const)
  test(`a session that leaves a drained replica while nobody calls is a trace of its own, which ${what}`, async (t) => {
    const { fleet, home, kept, ask } = await setup(t, sampling);
    const end = new AbortController();
    t.teardown(() => end.abort());
    const stream = await ask('GET', { traceparent: traceparent('01') }, end.signal);
    t.is(stream.status, 200);
    let aheadMs = 0;
    fleet.now = () => Date.now() + aheadMs;
    const drained = fleet.replicas.find(({ address }) => address.endsWith(`:${home.port}`));
    drained!.state = 'draining';
    // The drain is known for long enough, and so is that nothing happens.
    await waitFor(
      () => {
        aheadMs += 1000;
        return spanAt(kept.spans, SPAN.recovery).some(({ endMs }) => endMs !== null);
      },
      { what: 'the session is elsewhere', everyMs: 200 },
    );
    const [recovery] = spanAt(kept.spans, SPAN.recovery);
    t.is(recovery?.parent, null);
    t.is(recovery?.link?.traceId, TRACE, 'the trace of the stream that goes along');
    t.like(recovery?.attributes, {
      [ATTRIBUTE.recoveryReason]: 'drain',
      [ATTRIBUTE.recoveryResult]: 'recovered',
      [ATTRIBUTE.server]: 'linear',
    });
    const below = kept.spans.filter(({ parent }) => parent?.spanId === recovery?.context.spanId);
    t.deepEqual(
      below.filter(({ name }) => name !== SPAN.wait).map(({ name }) => name),
      ['initialize', 'notifications/initialized'],
    );
  });
