/** Remembers the last result of each name; the same inputs (each by identity, or by value for text) give the very same object again. */
export class Memo {
  readonly #last = new Map<string, { inputs: readonly unknown[]; value: unknown }>();
  #used = new Set<string>();

  get<T>(name: string, inputs: readonly unknown[], make: () => T): T {
    this.#used.add(name);
    const last = this.#last.get(name);
    if (last && last.inputs.length === inputs.length && last.inputs.every((each, index) => each === inputs[index]))
      return last.value as T;
    const value = make();
    this.#last.set(name, { inputs, value });
    return value;
  }

  /** Forgets what was not asked for since the last time: servers that are gone. */
  sweep(): void {
    for (const name of this.#last.keys()) if (!this.#used.has(name)) this.#last.delete(name);
    this.#used = new Set();
  }
}
