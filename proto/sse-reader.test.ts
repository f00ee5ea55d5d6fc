import test from 'ava';
import fc from 'fast-check';
import { SseReader, type SseEvent } from './sse-reader.ts';
import { sseEvent, sseMessage } from './sse-writer.ts';

interface Seen {
  events: SseEvent[];
  oversize: { bytes: Buffer; isLast: boolean }[];
  reader: SseReader;
}

function read(chunks: Buffer[], maxEventBytes = 1 << 20): Seen {
  const seen: Partial<Seen> & Pick<Seen, 'events' | 'oversize'> = { events: [], oversize: [] };
  const reader = new SseReader(
    { event: (event) => seen.events.push(event), oversize: (bytes, isLast) => seen.oversize.push({ bytes, isLast }) },
    maxEventBytes,
  );
  for (const chunk of chunks) reader.push(chunk);
  return { ...seen, reader };
}
const brief = (events: SseEvent[]) =>
  events.map((event) => ({ name: event.name, data: event.data?.toString() ?? null, id: event.id }));

const STREAM =
  '\ufeffid: 1\nevent: message\ndata: {"é":"😀"}\n\n: keepalive\n\ndata:two\ndata\ndata: lines\n\nretry: 5\n\nid: x\ndata: \n\nevent: endpoint\ndata: /m?sessionId=1\n\n';
const EXPECTED = [
  { name: 'message', data: '{"é":"😀"}', id: '1' },
  { name: 'message', data: null, id: null },
  { name: 'message', data: 'two\n\nlines', id: null },
  { name: 'message', data: null, id: null },
  { name: 'message', data: '', id: 'x' },
  { name: 'endpoint', data: '/m?sessionId=1', id: null },
];

for (const [label, end] of [
  ['LF', '\n'],
  ['CRLF', '\r\n'],
  ['CR', '\r'],
] as const) {
  const bytes = Buffer.from(STREAM.replaceAll('\n', end));
  test(`events with ${label} line ends are the same however the stream is cut in two, or into single bytes`, (t) => {
    for (let cut = 0; cut <= bytes.length; cut++)
      t.deepEqual(brief(read([bytes.subarray(0, cut), bytes.subarray(cut)]).events), EXPECTED, `cut at ${cut}`);
    t.deepEqual(brief(read([...bytes].map((byte) => Buffer.of(byte))).events), EXPECTED);
  });
}

test('what is passed on is byte for byte what came, without the byte order mark', (t) => {
  const { events, reader } = read([Buffer.from(STREAM)]);
  t.is(Buffer.concat(events.map((event) => event.raw)).toString(), STREAM.slice(1));
  t.false(reader.hasPartial);
});

test('CRLF stays CRLF when a chunk ends between the two', (t) => {
  const stream = 'data: a\r\n\r\ndata: b\r\n\r\n',
    bytes = Buffer.from(stream);
  for (let cut = 0; cut <= bytes.length; cut++)
    t.is(
      Buffer.concat(read([bytes.subarray(0, cut), bytes.subarray(cut)]).events.map((event) => event.raw)).toString(),
      stream,
      `cut at ${cut}`,
    );
});

test('an event without its blank line is not given and is said to be partial', (t) => {
  const { events, reader } = read([Buffer.from('data: whole\n\ndata: half\n')]);
  t.is(events.length, 1);
  t.true(reader.hasPartial);
  t.false(reader.isInsideOversize);
});

test('an event beyond the limit passes unread, piece by piece, and the next one is read again', (t) => {
  const big = `data: ${'x'.repeat(5000)}\n\n`,
    bytes = Buffer.from(`data: a\n\n${big}data: b\n\n`);
  for (const size of [1, 7, 100, 6000, bytes.length]) {
    const chunks = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
    const { events, oversize, reader } = read(chunks, 1000);
    t.deepEqual(
      brief(events).map((event) => event.data),
      ['a', 'b'],
      `chunks of ${size}`,
    );
    t.is(Buffer.concat(oversize.map((piece) => piece.bytes)).toString(), big);
    t.is(oversize.filter((piece) => piece.isLast).length, 1);
    t.false(reader.hasPartial);
  }
});

test('a stream that ends inside an oversize event says so', (t) => {
  t.true(read([Buffer.from(`data: ${'x'.repeat(50)}`)], 10).reader.isInsideOversize);
});

test('a 10 MB event in small chunks is read whole, within linear work', (t) => {
  const data = 'y'.repeat(10 << 20),
    bytes = Buffer.from(`data: ${data}\n\n`),
    chunks = [];
  for (let at = 0; at < bytes.length; at += 16_384) chunks.push(bytes.subarray(at, at + 16_384));
  const { events } = read(chunks, 16 << 20);
  t.is(events[0]!.data!.length, data.length);
});

test('whatever is written is read back, however it is cut', (t) => {
  const event = fc.record({
    data: fc.string({ unit: 'binary' }),
    name: fc.option(fc.stringMatching(/^[a-z]{1,9}$/), { nil: undefined }),
    id: fc.option(fc.stringMatching(/^[\x21-\x7e]{1,9}$/), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 6 }), fc.array(fc.nat(400), { maxLength: 20 }), (events, cuts) => {
      const bytes = Buffer.from(
        events.map(({ data, name, id }) => sseEvent(data, { ...(name && { name }), ...(id && { id }) })).join(''),
      );
      const chunks = [];
      let at = 0;
      for (const size of cuts) {
        chunks.push(bytes.subarray(at, at + size));
        at += size;
      }
      chunks.push(bytes.subarray(at));
      t.deepEqual(
        brief(read(chunks).events),
        events.map(({ data, name, id }) => ({
          name: name ?? 'message',
          data: Buffer.from(data.replace(/\r\n|\r/g, '\n')).toString(),
          id: id ?? null,
        })),
      );
    }),
  );
});

test('a JSON-RPC message is one event named message', (t) => {
  t.is(
    sseMessage({ jsonrpc: '2.0', id: 1, result: {} }),
    'event: message\ndata: {"jsonrpc":"2.0","id":1,"result":{}}\n\n',
  );
  t.is(sseEvent('a\r\nb', { name: 'x\ny' }), 'event: x\ndata: a\ndata: b\n\n');
});
