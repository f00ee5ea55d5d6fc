import test, { type ExecutionContext } from 'ava';
import { serverPolicySchema } from '../../../proto/server-policy.ts';
import { clientSessionId } from '../../../proto/session-id.ts';
import type { SessionRecord } from '../../../proto/session-record.ts';
import { fromStruct, toStruct, type Struct } from '../../../proto/xds/loader.ts';
import { messageType } from '../../../proto/xds/schema.ts';
import { sampleIdentities } from '../../principal/testing/sample-identities.ts';
import { createSessionDirectory } from '../../session/cached-directory.ts';
import { createMemoryStore } from '../../session/memory-store.ts';
import { sampleRecord } from '../../session/testing/sample-record.ts';
import { makeServerView } from '../../xds/topology.ts';
import { UNLIMITED } from '../../budget/new-sessions.ts';
import { Arrivals } from '../arrivals.ts';
import { decideCalls, type DecideOptions } from './decide.ts';

const request = messageType('envoy.service.ext_proc.v3.ProcessingRequest'),
  response = messageType('envoy.service.ext_proc.v3.ProcessingResponse');
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const encoded = (message: object): Buffer => request.encode(request.fromObject(message)).finish() as Buffer;
const asked = (headers: Record<string, string>, mcp: Record<string, unknown> = {}): Buffer =>
  encoded({
    request_headers: {
      headers: {
        headers: Object.entries({ ':method': 'POST', 'x-holdfast-server': 'linear', ...headers }).map(
          ([key, value]) => ({ key, raw_value: bytes(value) }),
        ),
      },
    },
    metadata_context: { filter_metadata: { mcp: toStruct(mcp) } },
  });

type Answer = { status: number } | { request_headers?: object; immediate_response?: object; metadata: unknown };
function read(reply: Buffer): Answer {
  const { dynamic_metadata: metadata, ...rest } = response.toObject(response.decode(reply), {
    bytes: Buffer,
    enums: Number,
    arrays: false,
  }) as { dynamic_metadata?: Struct };
  return { ...rest, metadata: metadata && fromStruct(metadata) };
}

function start(t: ExecutionContext, change: Partial<DecideOptions> = {}) {
  const errors: unknown[] = [],
    released: string[] = [],
    counted: string[] = [];
  const view = makeServerView(
    {
      policy: serverPolicySchema.parse({ name: 'linear' }),
      lostSlots: [],
      backends: [{ name: 'stable', weight: 100 }],
    },
    [
      {
        server: 'linear',
        replica: 'a',
        backend: 'stable',
        slot: '1',
        address: '127.0.0.1:3001',
        state: 'active',
        isSteady: false,
        weight: 100,
      },
    ],
  );
  const directory = createSessionDirectory({
    store: createMemoryStore({ nodeId: 'a' }),
    nodeId: 'a',
    ttlSeconds: () => 3600,
  });
  t.teardown(() => directory.close());
  const onCall = decideCalls({
    server: (name) => (name === 'linear' ? view : undefined),
    directory,
    identities: sampleIdentities(),
    relay: '127.0.0.1:7900',
    arrivals: new Arrivals(),
    sessions: UNLIMITED,
    refused: () => undefined,
    onCreated: () => {},
    now: Date.now,
    random: () => 0,
    gate: () => ({ kind: 'admit', permit: 'p-1' }),
    release: (permit) => {
      released.push(permit);
    },
    metrics: {
      extProc: (message, result) => {
        counted.push(`${message} ${result}`);
      },
    },
    onError: (error) => {
      errors.push(error);
    },
    ...change,
  });
  /** `isThere`: whether whoever asked still waits when the answer comes. */
  const ask = (message: Buffer, isThere = () => true): Promise<Answer> =>
    new Promise((resolve) => {
      onCall({
        message,
        answer(reply) {
          resolve(read(reply));
          return isThere();
        },
        fail(status) {
          resolve({ status });
        },
      });
    });
  return { ask, directory, errors, released, counted };
}

const clientId = clientSessionId({ slot: '1', upstreamId: 'up', principal: null });
const known = (): SessionRecord => sampleRecord({ clientId, slot: '1', upstreamId: 'up', lastActivityMs: Date.now() });
const PINNED = { holdfast: { host: '127.0.0.1:3001,127.0.0.1:7900', permit: 'p-1' } };

test('a session’s request is pinned, with the permit for the access log; header bytes stay what they were', async (t) => {
  const { ask, directory, errors, counted, released } = start(t);
  await directory.remember(known());
  t.like(
    await ask(
      asked(
        { 'x-holdfast-session': clientId, 'mcp-session-id': 'up', authorization: 'Bearer \u00e9' },
        { method: 'tools/call', name: 'add', id: 7, other: { a: 1 } },
      ),
    ),
    { request_headers: { response: {} }, metadata: PINNED },
  );
  await directory.move({ ...known(), upstreamId: 'caf\u00e9', epoch: 1 }, 0);
  t.like(await ask(asked({ 'x-holdfast-session': clientId })), {
    request_headers: {
      response: {
        header_mutation: {
          set_headers: [{ header: { key: 'mcp-session-id', raw_value: bytes('caf\u00e9') }, append_action: 2 }],
        },
      },
    },
    metadata: PINNED,
  });
  t.deepEqual([errors, counted, released], [[], ['request_headers ok', 'request_headers ok'], []]);
});

test('a refusal carries its status, headers and the request’s id as it came', async (t) => {
  const { ask, counted } = start(t);
  for (const id of [7, 'seven']) {
    const { immediate_response: answer, metadata } = (await ask(
      asked({ 'x-holdfast-session': '9~nobody', 'mcp-session-id': 'nobody' }, { method: 'ping', id }),
    )) as {
      immediate_response: { status: object; headers: { set_headers: { header: { key: string } }[] }; body: Buffer };
      metadata: object;
    };
    t.deepEqual(answer.status, { code: 404 });
    t.is(answer.headers.set_headers[0]!.header.key, 'content-type');
    t.deepEqual(JSON.parse(answer.body.toString()), {
      jsonrpc: '2.0',
      id,
      error: { code: -32001, message: 'Session not found' },
    });
    t.deepEqual(metadata, { holdfast: { answered: 'true' } });
  }
  t.deepEqual(counted, ['request_headers reject', 'request_headers reject']);
});

test('a call that is not about a request fails with an error that is reported, and the next call is answered', async (t) => {
  const { ask, errors, counted } = start(t);
  const bad = [
    Buffer.alloc(0),
    bytes('{}'),
    asked({}).subarray(0, -3),
    encoded({ request_body: { body: bytes('x') } }),
    encoded({ response_headers: { headers: { headers: [] } } }),
  ];
  for (const message of bad) t.deepEqual(await ask(message), { status: 13 }, message.toString('hex'));
  t.is(errors.length, bad.length);
  t.true(counted.length === bad.length && counted.every((each) => each.endsWith(' error')));
  t.like(await ask(asked({ 'x-holdfast-server': 'unheard-of', 'mcp-session-id': clientId })), {
    immediate_response: { status: { code: 503 } },
  });
});

test('an empty session id is left to the relay, which sees what it begins', async (t) => {
  const { ask, errors } = start(t);
  for (const session of ['', ' ', ',']) {
    t.like(await ask(asked({ 'x-holdfast-session': session }, { method: 'initialize', id: 1 })), {
      request_headers: { response: {} },
      metadata: { holdfast: { host: '127.0.0.1:7900' } },
    });
  }
  t.deepEqual(errors, []);
});

test('a permit is free again when Envoy gave up while the store was asked, and kept when it had its answer', async (t) => {
  const store = Promise.withResolvers<void>(),
    { ask, directory, released } = start(t);
  await directory.remember(known());
  const find = directory.find.bind(directory),
    peek = directory.peek.bind(directory);
  directory.peek = () => undefined;
  directory.find = async (...which) => {
    await store.promise;
    return find(...which);
  };
  const call = asked({ 'x-holdfast-session': clientId, 'mcp-session-id': 'up' }, { method: 'ping', id: 1 });
  const given = ask(call, () => false);
  directory.peek = peek;
  await ask(call);
  t.deepEqual(released, []);
  store.resolve();
  await given;
  t.deepEqual(released, ['p-1']);
});

test('a store that fails is an error of this call', async (t) => {
  const { ask, directory, errors, counted } = start(t);
  directory.find = () => Promise.reject(new Error('no store'));
  t.deepEqual(await ask(asked({ 'x-holdfast-session': clientId })), { status: 13 });
  t.deepEqual([errors.map(String), counted], [['Error: no store'], ['request_headers error']]);
});
