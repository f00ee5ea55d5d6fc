import { encode } from '../../../../proto/xds/loader.ts';
import { externalProcessorService, logsService, methodOf } from '../../../../proto/xds/services.ts';
import { grpcFrame } from '../mesh/grpc-client.ts';

/** What a random input makes of a connection: bytes to write, one piece after the other, and the calls that must be answered. */
export interface Conversation {
  pieces: Buffer[];
  /** Streams whose call was sent whole, on a connection on which every frame is as long as it says. */
  calls: number[];
}

export const EXPORT = methodOf(logsService, 'Export').path;
const PATHS = [methodOf(externalProcessorService, 'Process').path, EXPORT, '/unknown', ''];
export const LOG_MESSAGE = encode('opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest', {
  resource_logs: [{ scope_logs: [{ log_records: [{ time_unix_nano: '1', body: { string_value: 'x\n-\n-' } }] }] }],
});
const MESSAGES = [
  LOG_MESSAGE,
  encode('envoy.service.ext_proc.v3.ProcessingRequest', {
    request_headers: { headers: { headers: [{ key: ':method', raw_value: Buffer.from('POST') }] } },
  }),
  encode('envoy.service.ext_proc.v3.ProcessingRequest', {
    request_body: { body: Buffer.from('{'), end_of_stream: true },
  }),
  encode('envoy.service.ext_proc.v3.ProcessingRequest', { response_headers: {} }),
  Buffer.alloc(0),
  Buffer.from([0xff, 0xff, 0xff]),
];
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const TYPE = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goAway: 7,
  window: 8,
  more: 9,
};
const END_STREAM = 1;
const END_HEADERS = 4;
/** Repetitions of a frame: enough for every limit that Node and nghttp2 have for floods. */
const FLOODS = [2, 8, 64, 512, 3000];
/** A conversation ends here, however long its floods are. */
const MAX_BYTES = 4 << 20;

export function http2Frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer,
  length = payload.length,
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length & 0xffffff, 0, 3);
  head.writeUInt8(type & 0xff, 3);
  head.writeUInt8(flags & 0xff, 4);
  head.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([head, payload]);
}
const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
const literal = (name: string, value: string): Buffer => Buffer.concat([Buffer.from([0]), text(name), text(value)]);
/** `:method: POST`, `:scheme: http`, the path, and what gRPC asks for. */
export const callHeaders = (path: string): Buffer =>
  Buffer.concat([Buffer.from([0x83, 0x86]), literal(':path', path), literal('te', 'trailers')]);

/** Reads choices off an input; zeros when it is used up. */
class Choices {
  readonly #input: Buffer;
  #at = 0;
  constructor(input: Buffer) {
    this.#input = input;
  }
  get isOver(): boolean {
    return this.#at >= this.#input.length;
  }
  byte(): number {
    return this.#input[this.#at++] ?? 0;
  }
  number(): number {
    return ((this.byte() << 24) | (this.byte() << 16) | (this.byte() << 8) | this.byte()) >>> 0;
  }
  bytes(most: number): Buffer {
    const taken = this.#input.subarray(this.#at, this.#at + (this.byte() % most));
    this.#at += taken.length;
    return taken;
  }
  of<T>(list: readonly T[]): T {
    const [first] = list;
    const found = list[this.byte() % list.length] ?? first;
    if (found === undefined) throw new Error('nothing to choose from');
    return found;
  }
}

/** Makes an input into HTTP/2: calls, and every kind of frame that a peer may send at any moment, once or in floods. */
export function conversation(input: Buffer): Conversation {
  const choices = new Choices(input);
  const pieces: Buffer[] = [Buffer.concat([PREFACE, http2Frame(TYPE.settings, 0, 0, Buffer.alloc(0))])];
  const whole = new Set<number>();
  let isIntact = true;
  let bytes = 0;
  let last = -1;
  const stream = (): number => Math.max(1, last - 2 * (choices.byte() % 3));
  const begin = (): number => (last += 2);
  const end = (of: number, flags: number): void => {
    if (flags & END_STREAM) whole.add(of);
  };
  const headers = (): Buffer => {
    const of = begin();
    const flags = END_HEADERS | (choices.byte() & END_STREAM);
    end(of, flags);
    return http2Frame(TYPE.headers, flags, of, callHeaders(choices.of(PATHS)));
  };
  const settings = (): Buffer =>
    Buffer.concat(
      Array.from({ length: choices.byte() % 40 }, () => {
        const entry = Buffer.alloc(6);
        entry.writeUInt16BE(choices.byte() % 10, 0);
        entry.writeUInt32BE(choices.number(), 2);
        return entry;
      }),
    );
  const number = (): Buffer => {
    const value = Buffer.alloc(4);
    value.writeUInt32BE(choices.number());
    return value;
  };
  const broken = (frame: Buffer): Buffer => {
    isIntact = false;
    return frame;
  };
  const kinds: (() => Buffer)[] = [
    headers,
    headers,
    () => {
      const of = stream();
      const flags = choices.byte() & END_STREAM;
      end(of, flags);
      return http2Frame(TYPE.data, flags, of, grpcFrame(choices.of(MESSAGES)));
    },
    () => {
      const of = stream();
      const prefix = Buffer.concat([Buffer.from([choices.byte() % 3]), number()]);
      const flags = choices.byte() & END_STREAM;
      end(of, flags);
      return http2Frame(TYPE.data, flags, of, Buffer.concat([prefix, choices.bytes(64)]));
    },
    // A message that does not come to its end.
    () =>
      http2Frame(TYPE.data, 0, stream(), Buffer.concat([Buffer.from([0, 0, 0xff, 0xff, 0xff]), Buffer.alloc(16_000)])),
    () => {
      const of = stream();
      whole.delete(of);
      return http2Frame(TYPE.reset, 0, of, number());
    },
    () => http2Frame(TYPE.settings, choices.byte() & 1, 0, settings()),
    () => http2Frame(TYPE.ping, choices.byte() & 1, 0, Buffer.alloc(8, choices.byte())),
    () => http2Frame(TYPE.window, 0, choices.byte() & 1 ? stream() : 0, number()),
    () => http2Frame(TYPE.goAway, 0, 0, Buffer.concat([number(), number(), choices.bytes(32)])),
    () => broken(http2Frame(TYPE.headers, choices.byte(), begin(), choices.bytes(128))),
    () => broken(http2Frame(TYPE.headers, 0, begin(), callHeaders(choices.of(PATHS)))),
    () => broken(http2Frame(TYPE.more, choices.byte() & END_HEADERS, stream(), choices.bytes(64))),
    () => broken(http2Frame(TYPE.headers, END_HEADERS | END_STREAM, stream(), literal('x', 'y'))),
    () => broken(http2Frame(choices.byte(), choices.byte(), choices.number(), choices.bytes(64))),
    () => broken(http2Frame(TYPE.data, choices.byte(), stream(), choices.bytes(64), choices.number())),
    () => broken(choices.bytes(64)),
  ];
  let kind = choices.of(kinds);
  while (!choices.isOver && bytes < MAX_BYTES) {
    const isFlood = choices.byte() < 10;
    const made: Buffer[] = [];
    for (let left = isFlood ? choices.of(FLOODS) : 1; left > 0 && bytes < MAX_BYTES; left--) {
      const frame = kind();
      bytes += frame.length;
      made.push(frame);
    }
    pieces.push(Buffer.concat(made));
    kind = choices.of(kinds);
  }
  return { pieces, calls: isIntact ? [...whole] : [] };
}
