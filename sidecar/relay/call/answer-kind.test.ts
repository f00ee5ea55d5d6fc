import test from 'ava';
import { answerKind } from './answer-kind.ts';

test('answers come to what the table of outcomes says', (t) => {
  const kind = (status: number, errorCode: number | null = null, isToolError = false, hasRetryAfter = false) =>
    answerKind({ status, errorCode, isToolError, hasRetryAfter });
  t.deepEqual([kind(200), kind(202), kind(200, null, true)], ['success', 'success', 'tool_error']);
  t.deepEqual([kind(502), kind(503), kind(504)], ['replica_fault', 'replica_fault', 'replica_fault']);
  t.deepEqual([kind(429), kind(503, null, false, true)], ['overload', 'overload']);
  t.deepEqual([kind(500), kind(200, -32603)], ['server_error', 'server_error']);
  for (const code of [-32700, -32600, -32601, -32602, -32020, -32029, -32042, -32002])
    t.is(kind(200, code), 'client_fault', String(code));
  for (const status of [400, 401, 403, 405, 406, 409, 413, 415]) t.is(kind(status), 'client_fault', String(status));
  t.is(kind(200, 7), 'protocol_error');
});
