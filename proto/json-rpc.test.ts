import test from 'ava';
import fc from 'fast-check';
import { VERSION_CLAIM } from './era.ts';
import { MAX_BATCH, messagesOf, readRpcBody } from './json-rpc.ts';

const read = (body: unknown) => readRpcBody(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)));
const only = (body: unknown) => {
  const seen = read(body);
  return seen.kind === 'single' ? seen.message : null;
};

test('a request has a method and an id whose text and type are kept', (t) => {
  for (const [text, id] of [
    ['"a\\u0062"', 'ab'],
    ['7', 7],
    ['-1.50', -1.5],
    ['12345678901234567890', 12345678901234567000],
    ['""', ''],
  ] as const) {
    const message = only(`{"jsonrpc":"2.0","id":${text},"method":"ping"}`)!;
    t.is(message.kind, 'request');
    t.is(message.idText, text);
    t.is(message.id, id);
  }
});

test('what the mesh reads of params', (t) => {
  const message = only({
    jsonrpc: '2.0',
    params: {
      name: 'wri"te',
      arguments: { name: 'no', uri: 'no' },
      uri: 'u://é',
      level: 'debug',
      taskId: 't',
      requestState: 's\\',
      requestId: 'r',
      _meta: { progressToken: 4, [VERSION_CLAIM]: '2026-07-28' },
    },
    method: 'tools/call',
    id: 1,
  })!;
  t.like(message, {
    method: 'tools/call',
    name: 'wri"te',
    uri: 'u://é',
    level: 'debug',
    taskId: 't',
    requestState: 's\\',
    claimedVersion: '2026-07-28',
    cancelsIdText: '"r"',
  });
});

test('notifications, responses and errors are told apart', (t) => {
  t.is(only({ method: 'notifications/initialized' })!.kind, 'notification');
  t.like(only({ id: 1, result: { isError: true, content: [{ isError: false }] } })!, {
    kind: 'response',
    isToolError: true,
    isAmbiguous: false,
  });
  t.like(only({ id: null, error: { code: -32602, message: 'x', data: { code: 1 } } })!, {
    kind: 'response',
    errorCode: -32602,
    idText: null,
  });
  t.is(only({ id: null, method: 'ping' })!.kind, 'invalid');
  t.is(only({ jsonrpc: '2.0' })!.kind, 'invalid');
});

test('a batch is read message by message, up to its bound; an empty one is invalid', (t) => {
  t.deepEqual(
    messagesOf(read([{ id: 1, method: 'a' }, { method: 'b' }, 5])).map((m) => m.kind),
    ['request', 'notification', 'invalid'],
  );
  t.is(read([]).kind, 'invalid');
  t.is(read(Array.from({ length: MAX_BATCH }, () => ({ id: 1, method: 'a' }))).kind, 'batch');
  t.is(read(Array.from({ length: MAX_BATCH + 1 }, () => ({ id: 1, method: 'a' }))).kind, 'invalid');
});

test('what is no JSON object or array is invalid, and so is one that is cut or followed by something', (t) => {
  for (const body of [
    '',
    ' ',
    'null',
    '"x"',
    '5',
    '{',
    '{"method":"a"',
    '{"a":1,}',
    '{"a"}',
    '[{"id":1}',
    '{}{}',
    '{"a":"b',
    '[1,]',
    '\u0000',
  ])
    t.is(read(body).kind, 'invalid', body);
});

test('strings beyond their bound, and members of a wrong type, are null', (t) => {
  t.like(only({ id: 1, method: 'tools/call', params: { name: 'x'.repeat(1025), uri: 5, level: [], _meta: 1 } })!, {
    kind: 'request',
    name: null,
    uri: null,
    level: null,
    claimedVersion: null,
  });
  t.is(only({ id: 'x'.repeat(1100), method: 'a' })!.kind, 'invalid');
  t.is(only({ id: 1, method: 'm'.repeat(129) })!.kind, 'invalid');
});

test('deep nesting costs no stack: it is malformed', (t) => {
  t.is(read(`{"id":1,"method":"a","params":${'['.repeat(1e6)}${']'.repeat(1e6)}}`).kind, 'invalid');
});

test('every JSON value is classified as JSON.parse would have it, whatever its spacing', (t) => {
  const key = fc.oneof(
    fc.constantFrom('method', 'id', 'params', 'result', 'error', 'name', 'isError', 'code'),
    fc.string({ unit: 'binary' }),
  );
  const message = fc.dictionary(
    key,
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.json().map((text) => JSON.parse(text) as unknown),
      fc.dictionary(key, fc.oneof(fc.string(), fc.integer(), fc.boolean())),
    ),
  );
  fc.assert(
    fc.property(message, fc.constantFrom(undefined, 1, '\t'), (value, space) => {
      const seen = only(JSON.stringify(value, null, space))!;
      const fields = JSON.parse(JSON.stringify(value)) as Record<string, any>;
      const own = (name: string) => (Object.hasOwn(fields, name) ? fields[name] : undefined);
      const isId = typeof own('id') === 'string' || typeof own('id') === 'number';
      t.is(
        seen.method,
        typeof own('method') === 'string' && Buffer.byteLength(JSON.stringify(own('method'))) <= 130
          ? own('method')
          : null,
      );
      t.is(seen.id, isId ? own('id') : null);
      const params = own('params'),
        name =
          seen.method !== null && params && !Array.isArray(params) && Object.hasOwn(params, 'name')
            ? params.name
            : null;
      t.is(seen.name, typeof name === 'string' ? name : null);
      const error = own('error');
      t.is(
        seen.errorCode,
        error && typeof error === 'object' && !Array.isArray(error) && typeof error.code === 'number'
          ? error.code
          : null,
      );
    }),
    { numRuns: 1000 },
  );
});
