import test from 'ava';
import fc from 'fast-check';
import { toStruct } from '../../proto/xds/loader.ts';
import { messageType } from '../../proto/xds/schema.ts';
import { encodeReply } from './encode-reply.ts';
import { answerReply, type RequestHeadersReply } from './replies.ts';

const response = messageType('envoy.service.ext_proc.v3.ProcessingResponse');
const MODE = {
  body: { request_body_mode: 2, response_header_mode: 1 },
  response: { response_header_mode: 1 },
  nothing: { response_header_mode: 2 },
};

/** As the full encoder writes it. */
function whole({ set, metadata, then }: RequestHeadersReply): Buffer {
  const mutation = set && {
    header_mutation: {
      set_headers: Object.entries(set)
        .map(([key, value]) => ({ header: { key, raw_value: Buffer.from(value, 'latin1') }, append_action: 2 }))
        .reverse(),
    },
  };
  return response
    .encode({
      request_headers: { response: mutation ?? {} },
      mode_override: MODE[then],
      ...(metadata && { dynamic_metadata: toStruct({ holdfast: metadata }) }),
    })
    .finish() as Buffer;
}

/** Lengths on both sides of where a varint grows, and of the writer's first buffer. */
const latin1 = fc.oneof(
  fc.string({ unit: fc.integer({ min: 1, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 40 }),
  fc.integer({ min: 100, max: 20_000 }).map((length) => 'x'.repeat(length)),
);
const reply = fc.record({
  set: fc.option(
    fc.dictionary(fc.constantFrom('mcp-session-id', 'x-holdfast-host', 'x-envoy-retry-on'), latin1, { minKeys: 1 }),
    { nil: undefined },
  ),
  metadata: fc.option(
    fc.dictionary(
      fc.constantFrom('host', 'permit'),
      fc.string({ minLength: 1, maxLength: 300, unit: fc.constantFrom('a', ':', ',', '1') }),
      { minKeys: 1, maxKeys: 1 },
    ),
    { nil: undefined },
  ),
  then: fc.constantFrom('body' as const, 'response' as const, 'nothing' as const),
});

test('an answer to a request’s headers is written byte for byte as the full encoder writes it', (t) => {
  fc.assert(
    fc.property(reply, (one) => {
      t.true(encodeReply(one).equals(whole(one)));
    }),
    { numRuns: 1000 },
  );
});

test('a pin and its permit both arrive; one answer leaves nothing behind in the next', (t) => {
  const read = (bytes: Buffer): unknown => response.toObject(response.decode(bytes), { bytes: String, arrays: false });
  const long = encodeReply({
      set: { 'mcp-session-id': 'x'.repeat(5000) },
      metadata: { host: '127.0.0.1:1', permit: 'p-1' },
      then: 'nothing',
    }),
    short = encodeReply({ then: 'nothing' });
  t.like(read(long), {
    dynamic_metadata: {
      fields: {
        holdfast: {
          struct_value: { fields: { host: { string_value: '127.0.0.1:1' }, permit: { string_value: 'p-1' } } },
        },
      },
    },
  });
  t.true(short.equals(whole({ then: 'nothing' })));
  t.like(
    read(encodeReply(answerReply(404, { jsonrpc: '2.0', id: 1, error: { code: -32001, message: 'gone' } } as never))),
    { immediate_response: { status: { code: 404 } } },
  );
});
