/**
 * Reads members of a JSON object straight from its bytes, without building values that nobody looks at. It takes the same language as `parseJson`:
 * what this scanner calls whole, the parser parses, and the reverse (json-scan.test.ts). Bytes that are no UTF-8 count as U+FFFD in both. A later
 * duplicate key wins, as in `JSON.parse`. Never throws; nesting is limited, and so is the recursion here.
 */
import { MAX_JSON_DEPTH, parseJson } from './parse-json.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const LETTER_F = 0x66;
const LETTER_N = 0x6e;
const LETTER_T = 0x74;
const LETTER_U = 0x75;
/** Sets the bit that tells lower from upper case. */
const LOWER = 0x20;
const LETTER_E = 0x65;
/** What may follow a backslash, `u` apart. */
const ESCAPES: ReadonlySet<number> = new Set(Buffer.from('"\\/bfnrt'));
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

/** Position of the first byte at or after `at` that is not JSON white space. */
export function skipSpace(bytes: Buffer, at: number): number {
  for (;;) {
    const byte = bytes[at];
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) at++;
    else return at;
  }
}

/** Position after the value that begins at `at` (no white space before it); -1 when it is malformed or nested deeper than `depth`. */
export function skipValue(bytes: Buffer, at: number, depth: number = MAX_JSON_DEPTH): number {
  switch (bytes[at]) {
    case QUOTE:
      return skipString(bytes, at);
    case OPEN_OBJECT:
      return eachMember(bytes, at, null, depth);
    case OPEN_ARRAY:
      return eachElement(bytes, at, null, depth);
    case LETTER_T:
      return skipLiteral(bytes, at, TRUE);
    case LETTER_F:
      return skipLiteral(bytes, at, FALSE);
    case LETTER_N:
      return skipLiteral(bytes, at, NULL);
    default:
      return skipNumber(bytes, at);
  }
}

/** Position after the string whose opening quote is at `at`; -1 when it doesn't end, or holds what JSON does not allow. */
function skipString(bytes: Buffer, at: number): number {
  const { length } = bytes;
  let i = at + 1,
    leapFrom = i + LEAP_AFTER,
    quote = -1;
  while (i < length) {
    const byte = bytes[i] ?? 0;
    if (byte === QUOTE) return i + 1;
    if (byte < 0x20) return -1;
    if (byte !== BACKSLASH) i++;
    else if (bytes[i + 1] === LETTER_U && hasFourHexDigits(bytes, i + 2)) i += 6;
    else if (ESCAPES.has(bytes[i + 1] ?? 0)) i += 2;
    else return -1;
    if (i < leapFrom) continue;
    if (quote < i) quote = bytes.indexOf(QUOTE, i);
    if (quote < 0) return -1;
    i = firstSpecial(bytes, i, quote);
    leapFrom = i + LEAP_AFTER;
  }
  return -1;
}

/** Strings are read byte by byte for so long, and what follows by leaps: a text of 60,000 bytes takes a fifth of the time. */
const LEAP_AFTER = 96;

/** The first backslash or control character in [start, end), or up to three bytes before one; `end` when there is none. */
function firstSpecial(bytes: Buffer, start: number, end: number): number {
  const backslash = bytes.subarray(start, end).indexOf(BACKSLASH),
    stop = backslash < 0 ? end : start + backslash;
  const { buffer, byteOffset } = bytes;
  const aligned = Math.min(stop, start + (-(byteOffset + start) & 3));
  let i = start;
  for (; i < aligned; i++) if ((bytes[i] ?? 0) < 0x20) return i;
  if (stop - i < 4) return i;
  const words = new Int32Array(buffer, byteOffset + i, (stop - i) >> 2);
  for (let word = 0; word < words.length; word++) {
    // Four bytes at once: the highest bit of a byte is set when the byte is below 0x20, or when one before it is.
    const four = words[word] ?? 0;
    if (((four - 0x20202020) & ~four & HIGHEST_BITS) !== 0) return i + word * 4;
  }
  for (i += words.length * 4; i < stop; i++) if ((bytes[i] ?? 0) < 0x20) return i;
  return stop;
}

/** Of each byte of a word. */
const HIGHEST_BITS = 0x80808080 | 0;

function hasFourHexDigits(bytes: Buffer, at: number): boolean {
  for (let i = at; i < at + 4; i++) {
    const byte = bytes[i] ?? 0;
    const letter = byte | LOWER;
    if (!isDigit(byte) && !(letter >= 0x61 && letter <= 0x66)) return false;
  }
  return true;
}

function skipLiteral(bytes: Buffer, at: number, literal: Buffer): number {
  for (let i = 1; i < literal.length; i++) if (bytes[at + i] !== literal[i]) return -1;
  return at + literal.length;
}

/** `-`? integer (`.` digits)? (`e` sign? digits)?: an integer of more than one digit does not begin with 0. */
function skipNumber(bytes: Buffer, at: number): number {
  let i = bytes[at] === MINUS ? at + 1 : at;
  i = bytes[i] === ZERO ? i + 1 : skipDigits(bytes, i);
  if (i > 0 && bytes[i] === DOT) i = skipDigits(bytes, i + 1);
  if (i > 0 && ((bytes[i] ?? 0) | LOWER) === LETTER_E) {
    const sign = bytes[i + 1];
    i = skipDigits(bytes, sign === PLUS || sign === MINUS ? i + 2 : i + 1);
  }
  return i;
}

/** Position after one digit or more; -1 when there is none. */
function skipDigits(bytes: Buffer, at: number): number {
  let i = at;
  while (isDigit(bytes[i])) i++;
  return i === at ? -1 : i;
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= ZERO && byte <= NINE;

/** The text of the string value in [start, end); undefined when it is no string or longer than `maxBytes`. */
export function readString(bytes: Buffer, start: number, end: number, maxBytes: number): string | undefined {
  if (bytes[start] !== QUOTE || end - start > maxBytes + 2) return undefined;
  const text = bytes.toString('utf8', start + 1, end - 1);
  if (!text.includes('\\')) return text;
  const value = parseJson(`"${text}"`);
  return typeof value === 'string' ? value : undefined;
}

/** Longest key that can be one that anybody asks for. */
const MAX_KEY_BYTES = 256;

/** Keys of nearly all messages. To compare bytes costs a tenth of a string that is made of them. */
const KNOWN_KEYS = [
  'jsonrpc',
  'id',
  'method',
  'params',
  'result',
  'error',
  'name',
  'arguments',
  '_meta',
  'content',
  'isError',
].map((text) => ({ text, bytes: Buffer.from(text) }));
/** The known keys by their length; no length has more than two. */
const BY_LENGTH = Array.from({ length: Math.max(...KNOWN_KEYS.map(({ text }) => text.length)) + 1 }, (_, length) =>
  KNOWN_KEYS.filter(({ text }) => text.length === length),
);

function knownKey(bytes: Buffer, start: number, end: number): string | undefined {
  for (const known of BY_LENGTH[end - start] ?? []) if (isSame(bytes, start, known.bytes)) return known.text;
  return undefined;
}

function isSame(bytes: Buffer, start: number, known: Buffer): boolean {
  for (let at = 0; at < known.length; at++) if (bytes[start + at] !== known[at]) return false;
  return true;
}

const afterKey = (bytes: Buffer, at: number): number => (bytes[at] === QUOTE ? skipString(bytes, at) : -1);

/** Where the value of a member begins whose key ends at `keyEnd`; -1 when there is no key (-1) or no colon. */
function afterColon(bytes: Buffer, keyEnd: number): number {
  if (keyEnd < 0) return -1;
  const colon = skipSpace(bytes, keyEnd);
  return bytes[colon] === COLON ? skipSpace(bytes, colon + 1) : -1;
}

/** Is told of each member: its key and where its value begins and ends. */
export type MemberVisitor = (key: string, start: number, end: number) => void;

/**
 * Visits each member of the object that begins at `at`; null only skips them. Returns the position after the object; -1 when it is no object or
 * malformed (members before the fault were visited). `within` names the visitor of a member that is an object itself, so that one pass reads both.
 */
export function eachMember(
  bytes: Buffer,
  at: number,
  visit: MemberVisitor | null,
  depth: number = MAX_JSON_DEPTH,
  within?: (key: string) => ((start: number, depth: number) => number) | null,
): number {
  if (bytes[at] !== OPEN_OBJECT || depth === 0) return -1;
  let i = skipSpace(bytes, at + 1);
  if (bytes[i] === CLOSE_OBJECT) return i + 1;
  for (;;) {
    const keyEnd = afterKey(bytes, i),
      start = afterColon(bytes, keyEnd);
    if (start < 0) return -1;
    const key = (visit && (knownKey(bytes, i + 1, keyEnd - 1) ?? readString(bytes, i, keyEnd, MAX_KEY_BYTES))) ?? '';
    const inner = within && bytes[start] === OPEN_OBJECT ? within(key) : null;
    const end = inner ? inner(start, depth - 1) : skipValue(bytes, start, depth - 1);
    if (end < 0) return -1;
    visit?.(key, start, end);
    i = skipSpace(bytes, end);
    if (bytes[i] === CLOSE_OBJECT) return i + 1;
    if (bytes[i] !== COMMA) return -1;
    i = skipSpace(bytes, i + 1);
  }
}

/** Visits each element of the array that begins at `at`, until `visit` says false; null only skips them. Returns as `eachMember` does. */
export function eachElement(
  bytes: Buffer,
  at: number,
  visit: ((start: number, end: number) => boolean) | null,
  depth: number = MAX_JSON_DEPTH,
): number {
  if (bytes[at] !== OPEN_ARRAY || depth === 0) return -1;
  let i = skipSpace(bytes, at + 1);
  if (bytes[i] === CLOSE_ARRAY) return i + 1;
  for (;;) {
    const end = skipValue(bytes, i, depth - 1);
    if (end < 0 || visit?.(i, end) === false) return -1;
    i = skipSpace(bytes, end);
    if (bytes[i] === CLOSE_ARRAY) return i + 1;
    if (bytes[i] !== COMMA) return -1;
    i = skipSpace(bytes, i + 1);
  }
}
