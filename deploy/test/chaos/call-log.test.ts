import test from 'ava';
import { count, resultOfError, type Call } from './call-log.ts';

test('a JSON-RPC error with outcome data is a typed error', (t) => {
  t.deepEqual(
    resultOfError(
      Object.assign(new Error('MCP error -31001: replica lost'), {
        code: -31001,
        data: { outcome: 'sent_no_response' },
      }),
    ),
    { kind: 'typed-error', outcome: 'sent_no_response', code: -31001 },
  );
});

test('an HTTP 503 whose body carries the outcome is a typed error', (t) => {
  t.deepEqual(
    resultOfError(
      Object.assign(
        new Error(
          'Error POSTing to endpoint: {"jsonrpc":"2.0","id":3,"error":{"code":-31002,"message":"x","data":{"outcome":"not_sent"}}}',
        ),
        { code: 503 },
      ),
    ),
    { kind: 'typed-error', outcome: 'not_sent', code: 503 },
  );
});

test('a client timeout is a hang, anything else an error', (t) => {
  t.deepEqual(resultOfError(Object.assign(new Error('MCP error -32001: Request timed out'), { code: -32001 })), {
    kind: 'hang',
  });
  t.deepEqual(resultOfError(new Error('fetch failed')), { kind: 'error', message: 'fetch failed' });
  t.deepEqual(
    resultOfError(Object.assign(new Error('MCP error -32001: Session not found'), { code: -32001 })).kind,
    'error',
  );
});

test('calls are counted by what they came to', (t) => {
  const call = (kind: Call['result']['kind'], tookMs: number): Call => ({
    session: 0,
    kind: 'safe',
    tool: 'x',
    key: null,
    startedAtMs: 0,
    endedAtMs: tookMs,
    result:
      kind === 'error'
        ? { kind, message: '' }
        : kind === 'typed-error'
          ? { kind, outcome: 'not_sent', code: 1 }
          : { kind },
  });
  t.like(count([call('answered', 5), call('hang', 9), call('error', 1), call('typed-error', 2)]), {
    calls: 4,
    answered: 1,
    typedErrors: 1,
    errors: 1,
    hangs: 1,
    slowestMs: 9,
  });
});
