import { frame as grpcFrame, PREFIX_BYTES, writePrefix } from '../grpc-frames.ts';
import { GRPC_STATUS } from '../grpc-server.ts';
import { ByStream } from './by-stream.ts';
import {
  ERROR,
  FIRST_WINDOW,
  FLAG,
  FRAME,
  frame,
  FrameReader,
  goAway,
  GRPC_HEADERS,
  grpcStatus,
  HEAD_BYTES,
  MAX_FRAME_BYTES,
  pong,
  readSettings,
  rstStream,
  SETTING,
  settings,
  settingsAck,
  windowUpdate,
  writeHead,
} from './frames.ts';
import { OpenCall, STREAM_WINDOW, type Answers } from './open-call.ts';
import type { OnUnaryCall } from './unary-call.ts';

export interface ConnectionOptions {
  onCall: OnUnaryCall;
  onError: (error: unknown) => void;
  /** Sends bytes; how many wait to be sent then. */
  write: (bytes: Buffer) => number;
  /** Ends the connection after what was written. */
  end: () => void;
  destroy: () => void;
}

/** More are refused before anything was done, so that they are asked again. Envoy's own limit towards sidecars (cluster-parts.ts). */
const MAX_CALLS = 10_000;
const CONNECTION_WINDOW = 16 << 20;
/** What all calls of a connection may hold that are not whole yet. Nearly every message comes in one piece. */
const MAX_KEPT_BYTES = 32 << 20;
/** A peer that does not read what it is sent is given up. */
const MAX_UNSENT_BYTES = 16 << 20;

const HELLO = Buffer.concat([
  settings({ [SETTING.maxConcurrentStreams]: MAX_CALLS, [SETTING.initialWindowSize]: STREAM_WINDOW }),
  windowUpdate(0, CONNECTION_WINDOW - FIRST_WINDOW),
]);
const OK_TRAILERS = grpcStatus(GRPC_STATUS.ok);

/** One HTTP/2 connection of a peer that asks: bytes in, bytes out, and nothing of sockets. */
export class Connection implements Answers {
  readonly #options: ConnectionOptions;
  readonly #reader = new FrameReader((type, flags, stream, bytes, start, end) => {
    this.#onFrame(type, flags, stream, bytes, start, end);
  });
  /** What is being asked or waits for its answer, by stream; nobody waits for what is not in here any more. */
  readonly #open = new ByStream<OpenCall>();
  readonly #out: Buffer[] = [];
  /** Answers that the peer's window has no room for. */
  readonly #held: [stream: number, reply: Buffer][] = [];
  #isWriting = false;
  #isOver = false;
  #isLeaving = false;
  #lastStream = 0;
  #unacknowledged = 0;
  #keptBytes = 0;
  /** Bytes of answers that the peer takes, on the connection and on each stream. */
  #window = FIRST_WINDOW;
  #streamWindow = FIRST_WINDOW;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    options.write(HELLO);
  }

  get openCalls(): number {
    return this.#open.size;
  }

  receive(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#isWriting = true; // Together, when all of the chunk was read.
    const error = this.#reader.push(chunk);
    if (error !== undefined) this.#break(error);
    if (this.#unacknowledged > CONNECTION_WINDOW / 4) {
      this.#out.push(windowUpdate(0, this.#unacknowledged));
      this.#unacknowledged = 0;
    }
    this.#flush();
  }

  /** No further calls; the connection ends with the last answer. */
  leave(): void {
    if (this.#isOver || this.#isLeaving) return;
    this.#isLeaving = true;
    this.#send(goAway(this.#lastStream, ERROR.none));
    this.#endIfDone();
  }

  /** The connection is gone: so are those who asked. */
  lose(): void {
    this.#isOver = true;
    this.#open.clear();
  }

  #onFrame(type: number, flags: number, stream: number, bytes: Buffer, start: number, end: number): void {
    if (this.#isOver) return;
    switch (type) {
      case FRAME.data:
        return this.#onData(flags, stream, bytes, start, end);
      case FRAME.headers:
        return this.#onHeaders(flags, stream);
      case FRAME.rstStream:
        return this.#drop(stream);
      case FRAME.settings:
        return flags & FLAG.ack ? undefined : this.#onSettings(bytes, start, end);
      case FRAME.ping:
        return flags & FLAG.ack ? undefined : this.#send(pong(bytes.subarray(start, end)));
      case FRAME.windowUpdate:
        return stream === 0 && end - start === 4 ? this.#onWindow(bytes.readUInt32BE(start)) : undefined;
      default: // Continued headers, priorities, the peer's GOAWAY and what this version does not know mean nothing here.
    }
  }

  #onHeaders(flags: number, stream: number): void {
    const known = this.#open.get(stream);
    if (known === undefined) {
      if (stream <= this.#lastStream && stream % 2 === 1) return; // Trailers of a call that was answered already.
      if (stream % 2 === 0) return this.#break(ERROR.protocol);
      this.#lastStream = stream;
      if (this.#isLeaving || this.#open.size + this.#held.length >= MAX_CALLS)
        return this.#send(rstStream(stream, ERROR.refusedStream));
      this.#open.add(new OpenCall(this, stream));
    }
    if (flags & FLAG.endStream) this.#onEnd(stream);
  }

  #onData(flags: number, stream: number, bytes: Buffer, start: number, end: number): void {
    this.#unacknowledged += end - start;
    const call = this.#open.get(stream);
    if (call === undefined || call.isAsked) return; // Envoy says that it has nothing more to say, or said it too late.
    if (end > start) {
      if (flags & FLAG.padded) {
        end -= bytes[start] ?? 0;
        start += 1;
      }
      if (start > end) return this.#break(ERROR.protocol);
      const before = call.keptBytes,
        status = call.take(bytes.subarray(start, end));
      this.#keptBytes += call.keptBytes - before;
      if (status !== undefined) return call.fail(status);
      if (this.#keptBytes > MAX_KEPT_BYTES) return call.fail(GRPC_STATUS.resourceExhausted);
      if (call.isAsked) return this.#options.onCall(call);
    }
    if (flags & FLAG.endStream) this.#onEnd(stream);
  }

  /** The peer has said all that it will: without a whole message that is no call. */
  #onEnd(stream: number): void {
    const call = this.#open.get(stream);
    if (call && !call.isAsked) call.fail(GRPC_STATUS.internal);
  }

  #onSettings(bytes: Buffer, start: number, end: number): void {
    for (const [key, value] of readSettings(bytes, start, end))
      if (key === SETTING.initialWindowSize) this.#streamWindow = value;
    this.#send(settingsAck);
  }

  #onWindow(more: number): void {
    this.#window += more;
    for (let [next] = this.#held; next && this.#fits(next[1]); [next] = this.#held) {
      this.#held.shift();
      this.#sendAnswer(...next);
    }
    this.#endIfDone();
  }

  #fits(reply: Buffer): boolean {
    return reply.length + PREFIX_BYTES <= this.#window;
  }

  /** Called by the call. */
  answer(stream: number, reply: Buffer): boolean {
    if (this.#open.get(stream) === undefined) return false;
    const length = reply.length + PREFIX_BYTES;
    if (length > this.#streamWindow) {
      this.#options.onError(
        new Error(
          `ext_proc: an answer of ${length} bytes is larger than the window that Envoy gives a stream (${this.#streamWindow})`,
        ),
      );
      this.fail(stream, GRPC_STATUS.resourceExhausted);
      return false;
    }
    this.#open.delete(stream);
    if (this.#held.length > 0 || !this.#fits(reply)) this.#held.push([stream, reply]);
    else this.#sendAnswer(stream, reply);
    this.#endIfDone();
    return true;
  }

  /** Called by the call. */
  fail(stream: number, status: number): void {
    if (!this.#forget(stream)) return;
    this.#send(trailersOnly(stream, status));
    this.#endIfDone();
  }

  /** Headers, message and trailers in one piece. */
  #sendAnswer(stream: number, reply: Buffer): void {
    const length = reply.length + PREFIX_BYTES;
    this.#window -= length;
    if (length > MAX_FRAME_BYTES) return this.#send(inFrames(stream, reply));
    const bytes = Buffer.allocUnsafe(3 * HEAD_BYTES + GRPC_HEADERS.length + length + OK_TRAILERS.length);
    let at = writeHead(bytes, 0, GRPC_HEADERS.length, FRAME.headers, FLAG.endHeaders, stream);
    at += GRPC_HEADERS.copy(bytes, at);
    at = writePrefix(bytes, writeHead(bytes, at, length, FRAME.data, 0, stream), reply.length);
    at += reply.copy(bytes, at);
    at = writeHead(bytes, at, OK_TRAILERS.length, FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream);
    OK_TRAILERS.copy(bytes, at);
    this.#send(bytes);
  }

  #drop(stream: number): void {
    if (this.#forget(stream)) this.#endIfDone();
  }

  /** Whether the call was open. */
  #forget(stream: number): boolean {
    this.#keptBytes -= this.#open.get(stream)?.keptBytes ?? 0;
    return this.#open.delete(stream);
  }

  #endIfDone(): void {
    if (!this.#isLeaving || this.#isOver || this.#open.size > 0 || this.#held.length > 0) return;
    this.#flush();
    this.#isOver = true;
    this.#options.end();
  }

  #break(error: number): void {
    this.#options.onError(
      new Error(`ext_proc: the peer does not speak HTTP/2 as it should (error ${error} of RFC 9113)`),
    );
    this.#out.push(goAway(this.#lastStream, error));
    this.#flush();
    this.lose();
    this.#options.end();
  }

  #send(bytes: Buffer): void {
    if (this.#isOver) return;
    this.#out.push(bytes);
    if (this.#isWriting) return;
    this.#isWriting = true;
    queueMicrotask(() => {
      this.#flush();
    });
  }

  #flush(): void {
    this.#isWriting = false;
    const out = this.#out.splice(0);
    const [first] = out;
    if (!first || this.#isOver) return;
    if (this.#options.write(out.length === 1 ? first : Buffer.concat(out)) <= MAX_UNSENT_BYTES) return;
    this.#options.onError(new Error(`ext_proc: the peer has left ${MAX_UNSENT_BYTES} bytes of answers unread`));
    this.#options.destroy();
  }
}

const trailersOnly = (stream: number, status: number): Buffer =>
  frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream, Buffer.concat([GRPC_HEADERS, grpcStatus(status)]));

/** An answer that is larger than a frame. */
function inFrames(stream: number, reply: Buffer): Buffer {
  const message = grpcFrame(reply),
    pieces = [frame(FRAME.headers, FLAG.endHeaders, stream, GRPC_HEADERS)];
  for (let at = 0; at < message.length; at += MAX_FRAME_BYTES)
    pieces.push(frame(FRAME.data, 0, stream, message.subarray(at, at + MAX_FRAME_BYTES)));
  pieces.push(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream, OK_TRAILERS));
  return Buffer.concat(pieces);
}
