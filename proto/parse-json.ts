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
  if (text.length <= MAX_JSON_DEPTH) return false;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = afterString(text, i);
    else if ((code & ~BRACE_BIT) === OPEN_ARRAY && ++depth > MAX_JSON_DEPTH) return true;
    else if ((code & ~BRACE_BIT) === CLOSE_ARRAY) depth--;
  }
  return false;
}

/** Position of the quote that ends the string whose opening quote is at `at`. */
function afterString(text: string, at: number): number {
  let i = at + 1;
  while (i < text.length && text.charCodeAt(i) !== QUOTE) i += text.charCodeAt(i) === BACKSLASH ? 2 : 1;
  return i;
}
