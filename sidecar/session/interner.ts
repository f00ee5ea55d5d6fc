import { forgetOldest } from '../../proto/forget-oldest.ts';

/** Longer values, in characters of JSON, are hardly ever equal. */
const MAX_SHARED = 16_384;

/** Holds equal JSON values once. Forgets the oldest beyond `maxValues`; values in use elsewhere stay valid, they are only not shared any more. */
export class Interner {
  readonly #maxValues: number;
  readonly #values = new Map<string, unknown>();

  constructor(maxValues: number) {
    this.#maxValues = maxValues;
  }

  /**
   * The value first seen that has the same JSON, and how many characters of JSON this call keeps that were not kept before. Callers must not change what
   * they get.
   */
  share(value: unknown): { value: unknown; characters: number } {
    const about = lengthOf(value);
    if (about > MAX_SHARED) return { value, characters: about };
    const text = JSON.stringify(value);
    if (text === undefined) return { value, characters: 0 };
    if (text.length > MAX_SHARED) return { value, characters: text.length };
    if (this.#values.has(text)) return { value: this.#values.get(text), characters: 0 };
    this.#values.set(text, value);
    if (this.#values.size > this.#maxValues) forgetOldest(this.#values);
    return { value, characters: text.length };
  }
}

/** How many characters of JSON a value has, about and never more. To write a large one only to measure it costs a tenth of a session that begins. */
function lengthOf(value: unknown): number {
  if (typeof value === 'string') return value.length + 2;
  if (typeof value !== 'object' || value === null) return 1;
  let length = 2;
  if (Array.isArray(value)) for (const each of value) length += lengthOf(each) + 1;
  else for (const [key, each] of Object.entries(value)) length += key.length + lengthOf(each) + 3;
  return length;
}
