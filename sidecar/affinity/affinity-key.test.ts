import test from 'ava';
import fc from 'fast-check';
import { messagesOf, readRpcBody } from '../../proto/json-rpc.ts';
import { keysOfAnswer, keysOfRequest } from './affinity-key.ts';

const HANDLES = [{ argument: 'cart', resultPath: '/structuredContent/id' }];
const ofRequest = (
  method: string,
  params: unknown,
  handles: Parameters<typeof keysOfRequest>[3] = [],
  headers = {},
) => {
  const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  return keysOfRequest(messagesOf(readRpcBody(body))[0]!, body, headers, handles);
};
const ofResult = (result: unknown, handles: Parameters<typeof keysOfAnswer>[1] = []) =>
  keysOfAnswer(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, result })), handles);

test('what an answer gives is what the next request asks for, whatever the text', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), (text) => {
      t.deepEqual(ofResult({ resultType: 'task', taskId: text }), ofRequest('tasks/get', { taskId: text }));
      t.deepEqual(
        ofResult({ resultType: 'input_required', requestState: text }),
        ofRequest('tools/call', { name: 'x', requestState: text }),
      );
      t.deepEqual(
        ofResult({ structuredContent: { id: text } }, HANDLES),
        ofRequest('tools/call', { name: 'x', arguments: { cart: text } }, HANDLES),
      );
    }),
    { numRuns: 200 },
  );
});

test('the state comes before the task, and the task before handles', (t) => {
  t.deepEqual(
    ofRequest('tasks/update', { taskId: 'a', requestState: 'b', arguments: { cart: 'c' } }, HANDLES).map(
      ({ kind }) => kind,
    ),
    ['state', 'task', 'handle'],
  );
});

test('a taskId elsewhere than in tasks/*, and a result that only mentions a task, are no affinity', (t) => {
  t.deepEqual(
    [
      ofRequest('tools/call', { name: 'x', taskId: 'a' }),
      ofResult({ taskId: 'a' }),
      ofResult({ resultType: 'complete', taskId: 'a' }),
    ],
    [[], [], []],
  );
});

test('the body’s argument counts, not the header beside it; a header alone counts where only it is declared', (t) => {
  const both = [{ argument: 'cart', header: 'Mcp-Param-Cart' }],
    alone = [{ header: 'Mcp-Param-Cart' }],
    headers = { 'mcp-param-cart': 'forged' };
  t.deepEqual(
    ofRequest('tools/call', { arguments: { cart: 'true' } }, both, headers),
    ofRequest('tools/call', { arguments: { cart: 'true' } }, both),
  );
  t.deepEqual(ofRequest('tools/call', { arguments: {} }, both, headers), []);
  t.is(ofRequest('tools/call', { arguments: {} }, alone, headers).length, 1);
});

test('an answer that is no JSON, an error, or odd in its types gives nothing', (t) => {
  for (const text of [
    '',
    'x',
    '[]',
    '{"result":7}',
    '{"result":{"resultType":"task","taskId":7}}',
    '{"error":{"taskId":"a"}}',
    '{"result":{"requestState":null}}',
  ])
    t.deepEqual(keysOfAnswer(Buffer.from(text), HANDLES), [], text);
});
