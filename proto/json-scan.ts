/**
 * Reads members of a JSON object straight from its bytes, without building values that nobody looks at. Works on UTF-8 bytes, never recurses,
 * reads each byte once. It agrees with JSON.parse on every valid text (a later duplicate key wins, as there); of an invalid text it says
 * `malformed` or what it could read, and never throws: judging the text is the replica's business.
 */
const QUOTE = 0x22,
  BACKSLASH = 0x5c,
  COMMA = 0x2c,
  COLON = 0x3a,
  OPEN_OBJECT = 0x7b,
  CLOSE_OBJECT = 0x7d,
  OPEN_ARRAY = 0x5b,
  CLOSE_ARRAY = 0x5d;

/** Position of the first byte at or after `at` that is not JSON white space. */
export function skipSpace(bytes: Buffer, at: number): number {
  for (;;) {
    const byte = bytes[at];
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) at++;
    else return at;
  }
}

/** Position after the string whose opening quote is at `at`; -1 when it doesn't end. */
function skipString(bytes: Buffer, at: number): number {
  for (let i = at + 1; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === QUOTE) return i + 1;
    if (byte === BACKSLASH) i++;
  }
  return -1;
}

/** Position after the value that begins at `at` (no white space before it); -1 when it doesn't end. */
export function skipValue(bytes: Buffer, at: number): number {
  const first = bytes[at];
  if (first === QUOTE) return skipString(bytes, at);
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
    let depth = 0;
    for (let i = at; i < bytes.length; i++) {
      const byte = bytes[i]!;
      if (byte === QUOTE) {
        i = skipString(bytes, i) - 1;
        if (i < 0) return -1;
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++;
      else if ((byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) && --depth === 0) return i + 1;
    }
    return -1;
  }
  let i = at;
  for (; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte === COMMA || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY || byte <= 0x20) break;
  }
  return i === at ? -1 : i;
}

/** The text of the string value in [start, end); undefined when it is no string or longer than `maxBytes`. */
export function readString(bytes: Buffer, start: number, end: number, maxBytes: number): string | undefined {
  if (bytes[start] !== QUOTE || end - start > maxBytes + 2) return undefined;
  const text = bytes.toString('utf8', start + 1, end - 1);
  if (!text.includes('\\')) return text;
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return undefined;
  }
}

/** Longest key that can be one that anybody asks for. */
const MAX_KEY_BYTES = 256;

/**
 * Visits each member of the object that begins at `at`. Returns the position after the object; -1 when it is no object or malformed
 * (members before the fault were visited).
 */
export function eachMember(
  bytes: Buffer,
  at: number,
  visit: (key: string, start: number, end: number) => void,
): number {
  if (bytes[at] !== OPEN_OBJECT) return -1;
  let i = skipSpace(bytes, at + 1);
  if (bytes[i] === CLOSE_OBJECT) return i + 1;
  for (;;) {
    if (bytes[i] !== QUOTE) return -1;
    const keyEnd = skipString(bytes, i);
    if (keyEnd < 0) return -1;
    const key = readString(bytes, i, keyEnd, MAX_KEY_BYTES) ?? '';
    i = skipSpace(bytes, keyEnd);
    if (bytes[i] !== COLON) return -1;
    const start = skipSpace(bytes, i + 1),
      end = skipValue(bytes, start);
    if (end < 0) return -1;
    visit(key, start, end);
    i = skipSpace(bytes, end);
    if (bytes[i] === CLOSE_OBJECT) return i + 1;
    if (bytes[i] !== COMMA) return -1;
    i = skipSpace(bytes, i + 1);
  }
}

/** Visits each element of the array that begins at `at`, until `visit` says false. Returns as `eachMember` does. */
export function eachElement(bytes: Buffer, at: number, visit: (start: number, end: number) => boolean): number {
  if (bytes[at] !== OPEN_ARRAY) return -1;
  let i = skipSpace(bytes, at + 1);
  if (bytes[i] === CLOSE_ARRAY) return i + 1;
  for (;;) {
    const end = skipValue(bytes, i);
    if (end < 0 || !visit(i, end)) return -1;
    i = skipSpace(bytes, end);
    if (bytes[i] === CLOSE_ARRAY) return i + 1;
    if (bytes[i] !== COMMA) return -1;
    i = skipSpace(bytes, i + 1);
  }
}
