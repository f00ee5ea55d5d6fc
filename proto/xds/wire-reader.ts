/** Texts that are expected, by their length: where one of them stands, nothing is decoded. ASCII only. */
export class KnownTexts {
  readonly #byLength: { text: string; bytes: Buffer }[][] = [];

  constructor(texts: readonly string[]) {
    for (const text of texts) {
      this.#byLength[text.length] ??= [];
      this.#byLength[text.length]?.push({ text, bytes: Buffer.from(text, 'latin1') });
    }
  }

  find(bytes: Buffer, start: number, end: number): string | undefined {
    const candidates = this.#byLength[end - start];
    if (candidates === undefined) return undefined;
    for (const candidate of candidates) {
      let at = end - start - 1;
      while (at >= 0 && bytes[start + at] === candidate.bytes[at]) at--;
      if (at < 0) return candidate.text;
    }
    return undefined;
  }
}

/** Walks the fields of a protobuf message without decoding what nobody asks for. Truncated input throws a RangeError. */
export class WireReader {
  readonly #bytes: Buffer;
  #at: number;
  #end: number;
  /** Number of the field that {@link next} came to, and how it is written. */
  field = 0;
  #type = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#at = 0;
    this.#end = bytes.length;
  }

  /** Goes to the next field; false at the end. The field before must have been read or skipped. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const tag = this.#varint();
    this.field = tag >>> 3;
    this.#type = tag & 7;
    return true;
  }

  skip(): void {
    switch (this.#type) {
      case 0:
        this.#varint();
        return;
      case 1:
        this.#at = this.#within(8);
        return;
      case 2:
        this.#at = this.#take();
        return;
      case 5:
        this.#at = this.#within(4);
        return;
      default:
        throw new RangeError(`wire type ${this.#type} in a message`);
    }
  }

  /** An unsigned number of eight bytes; beyond 2^53 it is rounded. */
  fixed64(): number {
    const end = this.#within(8),
      value = this.#bytes.readUInt32LE(this.#at) + this.#bytes.readUInt32LE(this.#at + 4) * 2 ** 32;
    this.#at = end;
    return value;
  }

  double(): number {
    const end = this.#within(8),
      value = this.#bytes.readDoubleLE(this.#at);
    this.#at = end;
    return value;
  }

  bool(): boolean {
    return this.#varint() !== 0;
  }

  /** Where the next field begins. */
  get at(): number {
    return this.#at;
  }

  /** Passes over bytes or a text; where they begin. They end {@link at} the next field. */
  pass(): number {
    const end = this.#take(),
      start = this.#at;
    this.#at = end;
    return start;
  }

  /** A view of the bytes, not a copy. */
  bytes(): Buffer {
    const end = this.#take(),
      bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  /** `known`: what probably stands here. */
  latin1(known?: KnownTexts): string {
    const end = this.#take(),
      text = known?.find(this.#bytes, this.#at, end) ?? this.#bytes.toString('latin1', this.#at, end);
    this.#at = end;
    return text;
  }

  text(): string {
    const end = this.#take(),
      text = this.#bytes.toString('utf8', this.#at, end);
    this.#at = end;
    return text;
  }

  /** Goes into the message that this field holds, as if nothing stood after it. What it returns leads out again. */
  enter(): number {
    const outer = this.#end;
    this.#end = this.#take();
    return outer;
  }

  /** Goes on after the message that was entered, however much of it was read. */
  leave(outer: number): void {
    this.#at = this.#end;
    this.#end = outer;
  }

  inside(read: () => void): void {
    const outer = this.enter();
    read();
    this.leave(outer);
  }

  /** Goes inside each message that stands in field `field`, and passes over all else. */
  each(field: number, read: () => void): void {
    while (this.next()) {
      if (this.field === field) this.inside(read);
      else this.skip();
    }
  }

  /** End of the length-delimited field that begins here. */
  #take(): number {
    return this.#within(this.#varint());
  }

  #within(length: number): number {
    const end = this.#at + length;
    if (end > this.#end) throw new RangeError('the message ends within a field');
    return end;
  }

  /** Numbers up to 2^53; a negative one (ten bytes) comes out as 2^64 less, rounded, which nothing here has. */
  #varint(): number {
    const first = this.#bytes[this.#at];
    if (first !== undefined && first < 0x80 && this.#at < this.#end) {
      this.#at++;
      return first;
    }
    let value = 0,
      scale = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined || this.#at > this.#end) throw new RangeError('the message ends within a number');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw new RangeError('a number in the message has more than ten bytes');
  }
}
