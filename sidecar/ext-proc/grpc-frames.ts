/** gRPC's framing: one byte that says whether the message is compressed, four of its length, the message. */
export const PREFIX_BYTES = 5;

/** Writes a message's prefix at `at`; where the message begins. */
export function writePrefix(into: Buffer, at: number, length: number): number {
  into[at] = 0;
  into.writeUInt32BE(length, at + 1);
  return at + PREFIX_BYTES;
}

export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  framed.set(message, writePrefix(framed, 0, message.length));
  return framed;
}

/** Reads messages from chunks that may be cut anywhere. */
export class FrameReader {
  readonly #maxMessageBytes: number;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** What is kept of a message that is not whole yet. */
  get keptBytes(): number {
    return this.#bytes;
  }

  /** Forgets it. */
  clear(): void {
    this.#pieces = [];
    this.#bytes = 0;
  }

  /** The messages that are whole now; a text says why the stream can't be read. */
  push(chunk: Buffer): Buffer[] | string {
    this.#pieces.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < PREFIX_BYTES) return [];
    const needed = this.#needed();
    if (typeof needed === 'string') return needed;
    if (this.#bytes < needed) return [];
    let rest = this.#whole();
    const messages: Buffer[] = [];
    while (rest.length >= PREFIX_BYTES) {
      const problem = this.#problem(rest.readUInt8(0), rest.readUInt32BE(1));
      if (problem !== undefined) return problem;
      const end = PREFIX_BYTES + rest.readUInt32BE(1);
      if (rest.length < end) break;
      messages.push(rest.subarray(PREFIX_BYTES, end));
      rest = rest.subarray(end);
    }
    this.#pieces = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
    return messages;
  }

  /** Bytes of the message at the head, without joining the pieces of a long body again and again. */
  #needed(): number | string {
    let [head] = this.#pieces;
    if (!head || head.length < PREFIX_BYTES) {
      head = this.#whole();
      this.#pieces = [head];
    }
    const length = head.readUInt32BE(1);
    return this.#problem(head.readUInt8(0), length) ?? PREFIX_BYTES + length;
  }

  #whole(): Buffer {
    const [first, ...others] = this.#pieces;
    return first && others.length === 0 ? first : Buffer.concat(this.#pieces, this.#bytes);
  }

  #problem(flag: number, length: number): string | undefined {
    if (flag !== 0) return 'compressed messages are not supported';
    return length > this.#maxMessageBytes
      ? `a message of ${length} bytes is larger than ${this.#maxMessageBytes}`
      : undefined;
  }
}
