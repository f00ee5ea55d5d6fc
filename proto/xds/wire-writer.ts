const FIRST_BYTES = 1024;

/** Writes a protobuf message from its end to its beginning, so that whatever holds something is written when its length is known. */
export class WireWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = FIRST_BYTES;

  /** The next message; what an error left unfinished goes. */
  begin(): void {
    this.#at = this.#bytes.length;
  }

  /** Where what is written next ends: for {@link message}. */
  get end(): number {
    return this.#bytes.length - this.#at;
  }

  /** A field of text that is Latin-1: a header's value, or ASCII. */
  latin1(field: number, text: string): void {
    const { length } = text;
    this.#reserve(length);
    this.#at -= length;
    this.#bytes.write(text, this.#at, length, 'latin1');
    this.#head(field, length);
  }

  /** A field that holds a number of 0 to 127, or a constant of an enum. */
  small(field: number, value: number): void {
    this.#reserve(2);
    this.#bytes[--this.#at] = value;
    this.#bytes[--this.#at] = field << 3;
  }

  /** What was written since `end` becomes a message in this field. */
  message(field: number, end: number): void {
    this.#head(field, this.end - end);
  }

  /** A copy of all that was written since {@link begin}. */
  copy(): Buffer {
    return Buffer.from(this.#bytes.subarray(this.#at));
  }

  /** Fields of up to 15 have a tag of one byte. */
  #head(field: number, length: number): void {
    this.#reserve(6);
    const start =
      this.#at - (length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : length < 0x1000_0000 ? 4 : 5);
    let at = start,
      rest = length;
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[at++] = (rest & 0x7f) | 0x80;
    this.#bytes[at] = rest;
    this.#bytes[start - 1] = (field << 3) | 2;
    this.#at = start - 1;
  }

  #reserve(length: number): void {
    if (this.#at >= length) return;
    const { end } = this,
      bytes = Buffer.allocUnsafeSlow(2 * (end + length));
    this.#bytes.copy(bytes, bytes.length - end, this.#at);
    this.#at = bytes.length - end;
    this.#bytes = bytes;
  }
}
