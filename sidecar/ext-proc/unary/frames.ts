/** HTTP/2's framing (RFC 9113, section 4), as far as short gRPC calls need it: pure, and nothing of header compression. */

export const FRAME = { data: 0, headers: 1, rstStream: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8 } as const;
/** Error codes (RFC 9113, section 7). */
export const ERROR = { none: 0, protocol: 1, frameSize: 6, refusedStream: 7 } as const;
export const SETTING = { maxConcurrentStreams: 3, initialWindowSize: 4 } as const;

/** What a client begins its connection with. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const HEAD_BYTES = 9;
/** Payload of a frame, both ways: nobody is told of another limit. */
export const MAX_FRAME_BYTES = 16_384;
/** A window before anything is said about it. */
export const FIRST_WINDOW = 65_535;

/** `bytes` from `start` to `end` is the payload: no copy, valid during the call. */
export type OnFrame = (type: number, flags: number, stream: number, bytes: Buffer, start: number, end: number) => void;

/** Finds frames in chunks that may be cut anywhere. */
export class FrameReader {
  readonly #onFrame: OnFrame;
  #rest: Buffer | null = null;
  #isBegun = false;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Hands out the frames that are whole now; a number is the ERROR for which the connection must end. */
  push(chunk: Buffer): number | undefined {
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = null;
    let at = 0;
    if (!this.#isBegun) {
      const given = Math.min(bytes.length, PREFACE.length);
      if (bytes.compare(PREFACE, 0, given, 0, given) !== 0) return ERROR.protocol;
      if (given < PREFACE.length) {
        this.#rest = bytes;
        return undefined;
      }
      this.#isBegun = true;
      at = given;
    }
    while (bytes.length - at >= HEAD_BYTES) {
      const length = bytes.readUIntBE(at, 3),
        start = at + HEAD_BYTES;
      if (length > MAX_FRAME_BYTES) return ERROR.frameSize;
      if (bytes.length - start < length) break;
      at = start + length;
      this.#onFrame(
        bytes.readUInt8(start - 6),
        bytes.readUInt8(start - 5),
        bytes.readUInt32BE(start - 4) & 0x7fff_ffff,
        bytes,
        start,
        at,
      );
    }
    if (at < bytes.length) this.#rest = at === 0 ? bytes : bytes.subarray(at);
    return undefined;
  }
}

/** Writes a frame's head at `at`; where its payload begins. */
export function writeHead(
  into: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  stream: number,
): number {
  into.writeUIntBE(length, at, 3);
  into[at + 3] = type;
  into[at + 4] = flags;
  into.writeUInt32BE(stream, at + 5);
  return at + HEAD_BYTES;
}

export function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + payload.length);
  payload.copy(bytes, writeHead(bytes, 0, payload.length, type, flags, stream));
  return bytes;
}

const uint32s = (...values: number[]): Buffer => {
  const bytes = Buffer.allocUnsafe(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return bytes;
};

export function settings(values: Readonly<Record<number, number>>): Buffer {
  const payload = Buffer.concat(
    Object.entries(values).map(([key, value]) => Buffer.concat([Buffer.from([0, Number(key)]), uint32s(value)])),
  );
  return frame(FRAME.settings, 0, 0, payload);
}

export const settingsAck = frame(FRAME.settings, FLAG.ack, 0, Buffer.alloc(0));
export const pong = (opaque: Buffer): Buffer => frame(FRAME.ping, FLAG.ack, 0, opaque);
export const windowUpdate = (stream: number, bytes: number): Buffer =>
  frame(FRAME.windowUpdate, 0, stream, uint32s(bytes));
export const rstStream = (stream: number, error: number): Buffer => frame(FRAME.rstStream, 0, stream, uint32s(error));
export const goAway = (lastStream: number, error: number): Buffer =>
  frame(FRAME.goAway, 0, 0, uint32s(lastStream, error));

/** The pairs of a SETTINGS payload. */
export function* readSettings(bytes: Buffer, start: number, end: number): Generator<[key: number, value: number]> {
  for (let at = start; at + 6 <= end; at += 6) yield [bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2)];
}

/** Header blocks without compression state (RFC 7541): `:status: 200` from the static table, the others as literals that are not indexed. */
const literal = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
const STATUS_200 = Buffer.from([0x88]);
export const GRPC_HEADERS = Buffer.concat([STATUS_200, literal('content-type', 'application/grpc')]);
/** Names and values shorter than 127 bytes, whose length is one byte. */
export const grpcStatus = (status: number): Buffer => literal('grpc-status', String(status));
