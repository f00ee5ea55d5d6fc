/** One event as it was on the wire, blank line included, and what its fields say. */
export interface SseEvent {
  /** Bytes to pass on unchanged. */
  raw: Buffer;
  /** `event` field; `message` when there is none or it is empty. */
  name: string;
  /** `data` fields joined by LF; null when the event has none (comments, `retry`): nothing is dispatched then. */
  data: Buffer | null;
  /** `id` field; null when there is none. */
  id: string | null;
}

export interface SseSink {
  event(event: SseEvent): void;
  /** Bytes of an event that is larger than the limit, unread, to be passed on; `isLast` with its last bytes. */
  oversize(bytes: Buffer, isLast: boolean): void;
}

const LF = 0x0a,
  CR = 0x0d,
  COLON = 0x3a,
  SPACE = 0x20;
const EMPTY = Buffer.alloc(0);

/**
 * Incremental reader of `text/event-stream`: chunks may be cut anywhere, within CRLF and within UTF-8. An event is given to the sink when its
 * blank line has come, so that what was given is always whole. What is left at the end of the stream is no event; see `hasPartial`.
 */
export class SseReader {
  readonly #sink: SseSink;
  readonly #maxEventBytes: number;
  #pieces: Buffer[] = [];
  #pendingBytes = 0;
  /** The line being read has no byte yet. */
  #atLineStart = true;
  #lastWasCr = false;
  /** Lines end with CRLF here: a CR at the end of a chunk is half of one. */
  #hasCrLf = false;
  #isOversize = false;
  #isFirst = true;

  constructor(sink: SseSink, maxEventBytes: number) {
    this.#sink = sink;
    this.#maxEventBytes = maxEventBytes;
  }

  /** Bytes of an event came whose end did not. */
  get hasPartial(): boolean {
    return this.#pendingBytes > 0 || this.#isOversize;
  }
  /** Part of an oversize event was passed on and its end was not: nothing may follow on that stream. */
  get isInsideOversize(): boolean {
    return this.#isOversize;
  }

  push(chunk: Buffer): void {
    let begin = 0,
      at = 0;
    const hasCr = chunk.includes(CR);
    while (at < chunk.length) {
      const byte = chunk[at];
      if (byte === LF && this.#lastWasCr) {
        // This is the second half of CRLF. Its line ended with the first half.
        this.#lastWasCr = false;
        this.#hasCrLf = true;
        at++;
        if (this.#pendingBytes === 0 && !this.#isOversize && begin === at - 1) begin = at;
      } else if (byte !== LF && byte !== CR) {
        this.#lastWasCr = false;
        this.#atLineStart = false;
        at = hasCr ? nextLineEnd(chunk, at) : nextLf(chunk, at);
      } else {
        at = this.#afterLineEnd(chunk, at);
        if (this.#atLineStart) {
          this.#finish(chunk.subarray(begin, at));
          begin = at;
        } else this.#atLineStart = true;
      }
    }
    if (begin < chunk.length) this.#keep(chunk.subarray(begin));
  }

  /** The position after the line end at `at`. A CR that ends the chunk may be half of a line end. */
  #afterLineEnd(chunk: Buffer, at: number): number {
    this.#lastWasCr = false;
    if (chunk[at] === LF) return at + 1;
    if (chunk[at + 1] === LF) {
      this.#hasCrLf = true;
      return at + 2;
    }
    this.#lastWasCr = at + 1 === chunk.length;
    return at + 1;
  }

  #keep(piece: Buffer): void {
    if (this.#isOversize) return this.#sink.oversize(piece, false);
    this.#pieces.push(piece);
    this.#pendingBytes += piece.length;
    if (this.#pendingBytes <= this.#maxEventBytes) return;
    this.#isOversize = true;
    this.#isFirst = false;
    this.#sink.oversize(this.#take(EMPTY), false);
  }

  #finish(end: Buffer): void {
    // The other half is passed on now, with its event, and dropped when it comes.
    const last = this.#lastWasCr && this.#hasCrLf ? Buffer.concat([end, NEWLINE]) : end;
    if (this.#isOversize) {
      this.#isOversize = false;
      return this.#sink.oversize(last, true);
    }
    let raw = this.#take(last);
    if (this.#isFirst && raw[0] === 0xef && raw[1] === 0xbb && raw[2] === 0xbf) raw = raw.subarray(3);
    this.#isFirst = false;
    if (raw.length > this.#maxEventBytes) return this.#sink.oversize(raw, true);
    if (raw.length > 2 || (raw[0] !== LF && raw[0] !== CR)) this.#sink.event(readEvent(raw));
  }

  #take(last: Buffer): Buffer {
    if (this.#pieces.length === 0) return last;
    this.#pieces.push(last);
    const whole = Buffer.concat(this.#pieces, this.#pendingBytes + last.length);
    this.#pieces = [];
    this.#pendingBytes = 0;
    return whole;
  }
}

function nextLf(bytes: Buffer, at: number): number {
  const found = bytes.indexOf(LF, at);
  return found < 0 ? bytes.length : found;
}

function nextLineEnd(bytes: Buffer, at: number): number {
  while (at < bytes.length && bytes[at] !== LF && bytes[at] !== CR) at++;
  return at;
}

/** Reads the fields of one whole event. */
function readEvent(raw: Buffer): SseEvent {
  const event: SseEvent = { raw, name: 'message', data: null, id: null };
  const hasCr = raw.includes(CR);
  const more: Buffer[] = [];
  for (let at = 0; at < raw.length; ) {
    const end = hasCr ? nextLineEnd(raw, at) : nextLf(raw, at);
    if (end > at && raw[at] !== COLON) readField(event, more, at, end);
    at = end + 1;
  }
  if (event.data !== null && more.length > 0) event.data = joinLines([event.data, ...more]);
  return event;
}

/** Reads the line from `at` to `end` of the event. `more`: data lines after the first. */
function readField(event: SseEvent, more: Buffer[], at: number, end: number): void {
  const { raw } = event;
  let colon = at;
  while (colon < end && raw[colon] !== COLON) colon++;
  const start = colon === end ? end : raw[colon + 1] === SPACE ? colon + 2 : colon + 1;
  const value = raw.subarray(start, end);
  if (isName(raw, at, colon, 'data')) {
    if (event.data === null) event.data = value;
    else more.push(value);
  } else if (isName(raw, at, colon, 'event')) event.name = value.toString('utf8') || 'message';
  else if (isName(raw, at, colon, 'id') && !value.includes(0)) event.id = value.toString('utf8');
}

/** The length and the first byte are compared before a text is made of it. */
const isName = (raw: Buffer, at: number, end: number, name: string): boolean =>
  end - at === name.length && raw[at] === name.charCodeAt(0) && raw.toString('latin1', at, end) === name;

const NEWLINE = Buffer.from('\n');
function joinLines(lines: Buffer[]): Buffer {
  const pieces: Buffer[] = [];
  for (const line of lines) pieces.push(line, NEWLINE);
  pieces.pop();
  return Buffer.concat(pieces);
}
