import test from 'ava';
import { readInitialize } from './read-initialize.ts';

const body = (params: unknown, more: object = {}): Buffer =>
  Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params, ...more }));

test('the parameters of initialize are read, alone or in a batch', (t) => {
  const params = { protocolVersion: '2025-06-18' };
  t.deepEqual(readInitialize(body(params), 1024).params, params);
  t.deepEqual(readInitialize(Buffer.from(`[${body(params).toString()}]`), 1024).params, params);
});

test('what is larger than may be kept is told, whatever stands around it', (t) => {
  const params = { x: 'x'.repeat(2000) };
  t.true(readInitialize(body(params), 1024).isTooLarge);
  t.true(readInitialize(Buffer.from(`[${body(params).toString()}]`), 1024).isTooLarge);
  t.true(readInitialize(body({ x: '\u00e9'.repeat(600) }), 1024).isTooLarge);
  t.false(readInitialize(body({}, { padding: 'x'.repeat(2000) }), 1024).isTooLarge);
});

test('a body that begins no session has no parameters and is never too large', (t) => {
  for (const text of [
    '',
    '{',
    '"initialize"',
    `{"method":"ping","params":"${'x'.repeat(2000)}"}`,
    `${'['.repeat(100_000)}`,
  ])
    t.like(readInitialize(Buffer.from(text), 1024), { params: undefined, isTooLarge: false });
});
