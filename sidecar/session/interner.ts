/** Holds equal JSON values once. Forgets the oldest beyond `maxValues`; values in use elsewhere stay valid, they are only not shared any more. */
export class Interner {
  readonly #maxValues: number;
  readonly #values = new Map<string, unknown>();

  constructor(maxValues: number) {
    this.#maxValues = maxValues;
  }

  /** The value first seen that has the same JSON. Callers must not change what they get. */
  share(value: unknown): unknown {
    const text = JSON.stringify(value);
    if (text === undefined || text.length > 16_384) return value;
    if (this.#values.has(text)) return this.#values.get(text);
    this.#values.set(text, value);
    if (this.#values.size > this.#maxValues) this.#values.delete(this.#values.keys().next().value!);
    return value;
  }
}
