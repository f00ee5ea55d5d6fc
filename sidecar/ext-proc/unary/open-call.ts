import { PREFIX_BYTES } from '../grpc-frames.ts';
import { GRPC_STATUS } from '../grpc-server.ts';
import type { UnaryCall } from './unary-call.ts';

/** Envoy takes heads of up to 60 KiB, and as much of a body's `id` and name as a body may hold. */
const MAX_MESSAGE_BYTES = 1 << 20;
/** A call's message may be sent whole, without waiting for a window. */
export const STREAM_WINDOW = MAX_MESSAGE_BYTES + PREFIX_BYTES;
const NOTHING: Buffer = Buffer.alloc(0);

/** Where the answers of a connection's calls go. */
export interface Answers {
  answer(stream: number, reply: Buffer): boolean;
  fail(stream: number, status: number): void;
}

/** One stream, from its headers until it is answered or given up. */
export class OpenCall implements UnaryCall {
  readonly #connection: Answers;
  readonly stream: number;
  message = NOTHING;
  isAsked = false;
  #taken: Buffer = NOTHING;

  /** What is kept of a message that is not whole yet. */
  get keptBytes(): number {
    return this.isAsked ? 0 : this.#taken.length;
  }

  constructor(connection: Answers, stream: number) {
    this.#connection = connection;
    this.stream = stream;
  }

  /** Bytes of the message; a status says why they are none. */
  take(bytes: Buffer): number | undefined {
    // Nearly always the whole message is here. Of one that is not the bytes are kept, beyond the call.
    const taken = this.#taken.length === 0 ? bytes : Buffer.concat([this.#taken, bytes]);
    if (taken.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + taken.readUInt32BE(1);
      if (taken[0] !== 0) return GRPC_STATUS.unimplemented; // Compressed: nobody was told that it may be.
      if (end > STREAM_WINDOW) return GRPC_STATUS.resourceExhausted;
      if (taken.length >= end) {
        this.message = taken.subarray(PREFIX_BYTES, end);
        this.isAsked = true;
        return undefined;
      }
    }
    this.#taken = taken === bytes ? Buffer.from(bytes) : taken;
    return undefined;
  }

  answer(reply: Buffer): boolean {
    return this.#connection.answer(this.stream, reply);
  }

  fail(status: number): void {
    this.#connection.fail(this.stream, status);
  }
}
