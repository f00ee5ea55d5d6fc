import type { Act, Verdict } from '../../proto/authorization/rule-book.ts';
import { parseJson, type Json } from '../../proto/parse-json.ts';
import { SseReader, type SseEvent } from '../../proto/sse-reader.ts';
import { sseEvent } from '../../proto/sse-writer.ts';
import { cutList } from './cut-list.ts';

/** A list longer than this is not read, and so not handed on. */
const MAX_LIST_BYTES = 64 << 20;
/** What every answer with a list has somewhere. */
const MAY_LIST = /"(tools|prompts|resources|resourceTemplates)"/;

/** Cuts the lists in one answer, whatever form it has. What is no list passes as it came. */
export class AnswerCut {
  readonly #may: (act: Act) => Verdict;
  #out: Buffer[] = [];
  /** An answer that comes in pieces and is no stream of events. */
  readonly #pieces: Buffer[] = [];
  #bytes = 0;
  readonly #events: SseReader;

  constructor(may: (act: Act) => Verdict) {
    this.#may = may;
    this.#events = new SseReader(
      {
        event: (event) => this.#out.push(this.#event(event)),
        // It has more than anybody reads: an event that nobody can cut is dropped.
        oversize: () => undefined,
      },
      MAX_LIST_BYTES,
    );
  }

  /** A complete answer. */
  whole(body: Buffer): Buffer {
    const cut = this.#cut(body);
    return cut === null ? body : Buffer.from(cut);
  }

  /** The next bytes of an answer, and what can be handed on of them now. */
  next(bytes: Buffer | string, isEvents: boolean): Buffer {
    const piece = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    if (isEvents) {
      this.#events.push(piece);
      const out = Buffer.concat(this.#out);
      this.#out = [];
      return out;
    }
    this.#bytes += piece.length;
    if (this.#bytes <= MAX_LIST_BYTES) this.#pieces.push(piece);
    return EMPTY;
  }

  /** What is left when the answer has ended. */
  last(): Buffer {
    return this.#pieces.length === 0 || this.#bytes > MAX_LIST_BYTES ? EMPTY : this.whole(Buffer.concat(this.#pieces));
  }

  #event({ raw, data, name, id }: SseEvent): Buffer {
    const cut = data && this.#cut(data);
    if (!cut) return raw;
    return Buffer.from(sseEvent(cut, { ...(name !== 'message' && { name }), ...(id !== null && { id }) }));
  }

  #cut(bytes: Buffer): string | null {
    const text = bytes.toString();
    if (!MAY_LIST.test(text)) return null;
    const value = parseJson(text);
    if (value === undefined) return null;
    if (!Array.isArray(value)) return text0(this.#ofMessage(value));
    const each = value.map((message) => this.#ofMessage(message));
    return each.some((cut) => cut !== null) ? JSON.stringify(each.map((cut, at) => cut ?? value[at] ?? null)) : null;
  }

  #ofMessage(message: Json): Json | null {
    return typeof message === 'object' && message !== null && !Array.isArray(message)
      ? cutList(message, this.#may)
      : null;
  }
}

const EMPTY = Buffer.alloc(0);
const text0 = (cut: Json | null): string | null => (cut === null ? null : JSON.stringify(cut));
