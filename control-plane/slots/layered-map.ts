/** A layer with fewer changes than this is copied; beyond it, changes become part of the ground. */
const MOST_CHANGES = 64;

/**
 * A map that is never changed in place, and of which a copy with one change costs the same however large it is. A fleet
 * of 5,000 replicas copied its whole table four times for each pod that was replaced.
 */
export class LayeredMap<K, V> implements Iterable<[K, V]> {
  readonly #ground: ReadonlyMap<K, V>;
  /** Undefined: taken out. */
  readonly #changes: ReadonlyMap<K, V | undefined>;
  readonly size: number;

  private constructor(ground: ReadonlyMap<K, V>, changes: ReadonlyMap<K, V | undefined>, size: number) {
    this.#ground = ground;
    this.#changes = changes;
    this.size = size;
  }

  /** The entries are copied. */
  static of<K, V extends object>(entries: Iterable<readonly [K, V]> = []): LayeredMap<K, V> {
    const ground = new Map(entries);
    return new LayeredMap(ground, new Map(), ground.size);
  }

  get(key: K): V | undefined {
    return this.#changes.has(key) ? this.#changes.get(key) : this.#ground.get(key);
  }

  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  with(key: K, value: V): LayeredMap<K, V> {
    return this.#changed(key, value, this.has(key) ? this.size : this.size + 1);
  }

  without(key: K): LayeredMap<K, V> {
    return this.has(key) ? this.#changed(key, undefined, this.size - 1) : this;
  }

  /** Cheaper than a loop over the entries: it makes nothing for each of them. */
  forEach(act: (value: V, key: K) => void): void {
    this.#ground.forEach((value, key) => {
      if (!this.#changes.has(key)) act(value, key);
    });
    this.#changes.forEach((value, key) => {
      if (value !== undefined) act(value, key);
    });
  }

  /** Ends with the first entry for which `holds` is false. */
  every(holds: (value: V, key: K) => boolean): boolean {
    for (const [key, value] of this.#ground) if (!this.#changes.has(key) && !holds(value, key)) return false;
    for (const [key, value] of this.#changes) if (value !== undefined && !holds(value, key)) return false;
    return true;
  }

  *entries(): Generator<[K, V]> {
    for (const entry of this.#ground) if (!this.#changes.has(entry[0])) yield entry;
    for (const [key, value] of this.#changes) if (value !== undefined) yield [key, value];
  }

  *keys(): Generator<K> {
    for (const [key] of this) yield key;
  }

  *values(): Generator<V> {
    for (const [, value] of this) yield value;
  }

  [Symbol.iterator](): Generator<[K, V]> {
    return this.entries();
  }

  #changed(key: K, value: V | undefined, size: number): LayeredMap<K, V> {
    const changes = new Map(this.#changes).set(key, value);
    if (changes.size <= MOST_CHANGES) return new LayeredMap(this.#ground, changes, size);
    const ground = new Map(this.#ground);
    for (const [each, now] of changes)
      if (now === undefined) ground.delete(each);
      else ground.set(each, now);
    return new LayeredMap(ground, new Map(), size);
  }
}
