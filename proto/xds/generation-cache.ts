/**
 * Text → value, bounded: when the young generation's keys reach `maxCharacters`, it becomes the old one and the old one is forgotten.
 * What is used stays.
 */
export class GenerationCache<T> {
  readonly #maxCharacters: number;
  #young = new Map<string, T>();
  #old = new Map<string, T>();
  #characters = 0;

  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters;
  }

  get(key: string): T | undefined {
    return this.#young.get(key) ?? this.#old.get(key);
  }

  set(key: string, value: T): void {
    if (this.#young.has(key)) return;
    if (this.#characters + key.length > this.#maxCharacters) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#characters = 0;
    }
    this.#young.set(key, value);
    this.#characters += key.length;
  }
}
