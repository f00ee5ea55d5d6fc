import test from 'ava';
import fc from 'fast-check';
import { fromStruct, toStruct, type Struct } from '../../proto/xds/loader.ts';
import { messageType } from '../../proto/xds/schema.ts';
import { decodeMessage } from './decode-message.ts';
import {
  addHeader,
  noHeaders,
  readRequest,
  readResponse,
  SLOT_ATTRIBUTE as SLOT,
  type ProcessingMessage,
  type Scalar,
} from './messages.ts';

const request = messageType('envoy.service.ext_proc.v3.ProcessingRequest');
interface Whole {
  request?: string;
  metadata_context?: { filter_metadata: Record<string, Struct> };
  attributes: Record<string, Struct>;
  [phase: string]: unknown;
}

const latin1 = fc.string({ maxLength: 30 });
const header = fc.record({
  key: fc.constantFrom(
    ':method',
    ':status',
    'mcp-session-id',
    'x-holdfast-session',
    'authorization',
    'content-type',
    'x-holdfast-server',
    'x-holdfast-servex',
    'mcp-protocol-version',
    'cookie',
    'x-api-key',
    'x-holdfast-claims',
    'accept',
  ),
  value: latin1,
});
const headers = fc.record({
  headers: fc.record({
    headers: fc.array(
      header.map(({ key, value }) => ({ key, raw_value: Buffer.from(value, 'latin1') })),
      { maxLength: 8 },
    ),
  }),
  end_of_stream: fc.boolean(),
});
const body = fc.record({
  body: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  end_of_stream: fc.boolean(),
});
const value = fc.oneof(
  latin1,
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constant(null),
  fc.constant({ a: 1 }),
  fc.constant(['a']),
);
const struct = fc.dictionary(fc.constantFrom('method', 'id', 'name', SLOT), value).map(toStruct);
const message = fc
  .tuple(
    fc.oneof(
      headers.map((request_headers) => ({ request_headers })),
      headers.map((response_headers) => ({ response_headers })),
      body.map((request_body) => ({ request_body })),
      body.map((response_body) => ({ response_body })),
      fc.constant({ request_trailers: {} }),
    ),
    fc.record(
      {
        metadata_context: fc.record({ filter_metadata: fc.dictionary(fc.constantFrom('mcp', 'other'), struct) }),
        attributes: fc.dictionary(fc.constantFrom('envoy.filters.http.ext_proc', 'other'), struct),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([kind, rest]) => ({ ...kind, ...rest }));

function scalar(one: Struct | undefined, key: string): Scalar {
  const value = fromStruct(one)[key];
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}
function whole(bytes: Buffer): ProcessingMessage {
  const decoded = request.toObject(request.decode(bytes), {
    arrays: true,
    objects: true,
    oneofs: true,
    defaults: false,
  }) as Whole;
  const phase = decoded[decoded.request ?? ''] as
    | { headers?: { headers: { key: string; raw_value?: Buffer }[] }; body?: Buffer; end_of_stream?: boolean }
    | undefined;
  const headers = noHeaders(),
    read = decoded.metadata_context?.filter_metadata['mcp'];
  for (const { key, raw_value } of phase?.headers?.headers ?? [])
    addHeader(headers, key, raw_value?.toString('latin1') ?? '');
  return {
    kind: decoded.request as ProcessingMessage['kind'],
    headers,
    body: phase?.body ?? Buffer.alloc(0),
    isLast: phase?.end_of_stream ?? false,
    read: { method: scalar(read, 'method'), id: scalar(read, 'id'), name: scalar(read, 'name') },
    slot: scalar(decoded.attributes['envoy.filters.http.ext_proc'], SLOT),
  };
}

test('whatever Envoy sends, what is read of it is the same as with all of it decoded', (t) => {
  fc.assert(
    fc.property(message, (sent) => {
      const bytes = Buffer.from(request.encode(request.fromObject(sent)).finish()),
        lean = decodeMessage(bytes),
        full = whole(bytes);
      t.deepEqual(
        [lean.kind, lean.body, lean.isLast, readRequest(lean), readResponse(lean)],
        [full.kind, full.body, full.isLast, readRequest(full), readResponse(full)],
      );
    }),
    { numRuns: 2000 },
  );
});

test('a message that is cut off is refused, or is whole without its end', (t) => {
  const bytes = Buffer.from(
    request
      .encode(
        request.fromObject({
          request_headers: { headers: { headers: [{ key: ':method', raw_value: Buffer.from('POST') }] } },
          metadata_context: { filter_metadata: { mcp: toStruct({ method: 'ping', id: 1 }) } },
        }),
      )
      .finish(),
  );
  let refused = 0;
  for (let length = 1; length < bytes.length; length++) {
    try {
      decodeMessage(bytes.subarray(0, length));
    } catch (error) {
      t.true(error instanceof RangeError);
      refused += 1;
    }
  }
  t.true(refused >= bytes.length - 2, `${refused} of ${bytes.length}`);
});
