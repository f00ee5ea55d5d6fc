import { LOG_ABSENT, LOG_LINES, LOG_WORDS } from '../../proto/access-log.ts';
import type { AnswerRead } from '../../proto/wire.ts';

/** One request as Envoy logged it. */
export interface AccessLogEntry {
  startedAtMs: number;
  /** Written by `accessLogFormat`. */
  text: string;
}

/** What Envoy's filters noted of an answer. */
export interface AnswerNotes {
  read: AnswerRead | null;
  isJsonFailed: boolean;
  errorCode: number | null;
  isToolError: boolean;
}

type Word = keyof typeof LOG_WORDS;
type Line = keyof typeof LOG_LINES;

const WORD_AT = Object.fromEntries(Object.keys(LOG_WORDS).map((name, index) => [name, index])) as Record<Word, number>;
const LINE_AT = Object.fromEntries(Object.keys(LOG_LINES).map((name, index) => [name, index + 1])) as Record<
  Line,
  number
>;
const SPACE = 0x20,
  ZERO = 0x30;
const WORDS = Object.keys(LOG_WORDS).length,
  LINES = Object.keys(LOG_LINES).length + 1;

/** The values of an entry by the names of `proto/access-log.ts`. Only what is asked for is cut out of the text. */
export class EntryValues {
  readonly #text: string;
  /** Where each word of the first line ends, and each line: one character before the next begins. */
  readonly #words: number[] = [];
  readonly #lines: number[] = [];

  private constructor(text: string) {
    this.#text = text;
  }

  /** Null when the text was not written by that format. */
  static read({ text }: AccessLogEntry): EntryValues | null {
    const values = new EntryValues(text);
    return values.#find() ? values : null;
  }

  /** Null when it is not there. */
  word(name: Word): string | null {
    return this.#cut(this.#words, WORD_AT[name]);
  }
  line(name: Line): string | null {
    return this.#cut(this.#lines, LINE_AT[name]);
  }

  has(name: Word): boolean {
    return this.#isThere(startOf(this.#words, WORD_AT[name]), endOf(this.#words, WORD_AT[name]));
  }

  /** A number; null when it is not there. */
  number(name: Word): number | null {
    const start = startOf(this.#words, WORD_AT[name]),
      end = endOf(this.#words, WORD_AT[name]);
    if (!this.#isThere(start, end)) return null;
    let value = 0;
    for (let at = start; at < end; at++) {
      const digit = this.#text.charCodeAt(at) - ZERO;
      if (digit < 0 || digit > 9) return Number(this.#text.slice(start, end));
      value = value * 10 + digit;
    }
    return value;
  }

  #find(): boolean {
    const text = this.#text,
      words = this.#words,
      lines = this.#lines;
    // Further lines are the client's: what it chose in its body stands last.
    for (let start = 0; start <= text.length && lines.length < LINES; ) {
      const found = text.indexOf('\n', start),
        end = found === -1 ? text.length : found;
      lines.push(end);
      start = end + 1;
    }
    const firstEnd = endOf(lines, 0);
    for (let at = 0; at < firstEnd; at++) if (text.charCodeAt(at) === SPACE) words.push(at);
    words.push(firstEnd);
    return lines.length === LINES && words.length === WORDS;
  }

  #isThere(start: number, end: number): boolean {
    return end > start && (end > start + 1 || this.#text[start] !== LOG_ABSENT);
  }

  #cut(ends: readonly number[], index: number): string | null {
    const start = startOf(ends, index),
      end = endOf(ends, index);
    return this.#isThere(start, end) ? this.#text.slice(start, end) : null;
  }
}

const endOf = (ends: readonly number[], index: number): number => ends[index] ?? 0;
const startOf = (ends: readonly number[], index: number): number => (index === 0 ? 0 : endOf(ends, index - 1) + 1);
