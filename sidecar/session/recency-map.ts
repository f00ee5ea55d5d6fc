/** After so many reads, as a share of what is held, an entry that is read goes to the end of the order again. */
const MOVED_AGAIN = 1 / 8;

/**
 * A Map whose order is about that of use, the longest unused first. What is read moves to the end, but not on every
 * read. V8's Map keeps deleted entries in its chains until it grows. An entry that is read all the time would make
 * each read walk over thousands of them.
 */
export class RecencyMap<V extends { readonly key: string; movedAt: number }> extends Map<string, V> {
  #reads = 0;

  /** Reads an entry that is being used. */
  use(key: string): V | undefined {
    const entry = this.get(key);
    if (!entry) return undefined;
    this.#reads += 1;
    if (this.#reads - entry.movedAt > this.size * MOVED_AGAIN) this.add(entry);
    return entry;
  }

  /** Puts an entry at the end, by its own key: one that a reader made would grow old here, for nothing. */
  add(entry: V): void {
    this.delete(entry.key);
    entry.movedAt = this.#reads;
    this.set(entry.key, entry);
  }

  /** Key of the entry that has been unused the longest. */
  get oldest(): string | undefined {
    return this.keys().next().value;
  }
}
