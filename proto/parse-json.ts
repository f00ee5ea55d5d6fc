/** What JSON can say. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * Deepest nesting of arrays and objects that anything of the mesh takes. A deeper text is no JSON here: a walk over the value, `JSON.stringify`
 * among them, would overflow the stack.
 */
export const MAX_JSON_DEPTH = 512;

/** Like `JSON.parse`, but never throws: undefined for a text that is malformed or nested deeper than `MAX_JSON_DEPTH`. */
export function parseJson(text: Buffer | string): Json | undefined {
  const source = typeof text === 'string' ? text : text.toString('utf8');
  if (isTooDeep(source)) return undefined;
  try {
    return JSON.parse(source) as Json;
  } catch {
    return undefined;
  }
}

/** The text as an object; undefined for anything else. */
export function parseJsonObject(text: Buffer | string): { [key: string]: Json } | undefined {
  const value = parseJson(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
/** This bit apart, brackets and braces have the same codes. */
const BRACE_BIT = 0x20;

function isTooDeep(text: string): boolean {
  // Nearly every text has too few brackets to be nested so deep: the engine counts them many times faster than the walk goes.
  if (countUpTo(text, '[', MAX_JSON_DEPTH) + countUpTo(text, '{', MAX_JSON_DEPTH) <= MAX_JSON_DEPTH) return false;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = afterString(text, i);
    else if ((code & ~BRACE_BIT) === OPEN_ARRAY && ++depth > MAX_JSON_DEPTH) return true;
    else if ((code & ~BRACE_BIT) === CLOSE_ARRAY) depth--;
  }
  return false;
}

/** How often `sought` is in the text; at most `most` + 1. */
function countUpTo(text: string, sought: string, most: number): number {
  let count = 0;
  for (let at = text.indexOf(sought); at !== -1 && count <= most; at = text.indexOf(sought, at + 1)) count++;
  return count;
}

/** Position of the quote that ends the string whose opening quote is at `at`. */
function afterString(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); ; end = text.indexOf('"', end + 1)) {
    if (end === -1) return text.length;
    let first = end;
    while (text.charCodeAt(first - 1) === BACKSLASH) first--;
    if ((end - first) % 2 === 0) return end;
  }
}
