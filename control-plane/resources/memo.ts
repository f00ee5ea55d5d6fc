/** Puts something smaller in the place of a part of a resource: a message of type `typeName` in Envoy's JSON form. */
export type Seal = (typeName: string, json: object) => object;

interface Remembered {
  inputs: readonly unknown[];
  lazy: readonly unknown[];
  value: unknown;
  /** Made while the memo was holding, for when it no longer is. */
  next?: { lazy: readonly unknown[]; value: unknown };
}

const areSame = (before: readonly unknown[], now: readonly unknown[]): boolean =>
  before.length === now.length && before.every((each, index) => each === now[index]);

/** Remembers the last result of each name; the same inputs (each by identity, or by value for text) give the very same object again. */
export class Memo {
  readonly #last = new Map<string, Remembered>();
  #used = new Set<string>();
  readonly seal: Seal;
  /** While this is so, what differs only in its lazy inputs stays as it was. */
  isHolding = false;
  /** Something stayed as it was since this was last set to false. */
  hasHeld = false;
  /** How many things may still be made ahead while it is holding: all at once they would keep everybody waiting in the end. */
  mayPrepare = 0;

  readonly #shared: Memo | undefined;

  /** Without `seal`, resources are JSON in all their parts. `shared`: of all nodes, for what is the same for several of them. */
  constructor(seal: Seal = (_, json) => json, shared?: Memo) {
    this.seal = seal;
    this.#shared = shared;
  }

  /** The same object for every node that asks by this name with these inputs. While anybody asks, it is kept. */
  share<T>(name: string, inputs: readonly unknown[], make: () => T): T {
    return (this.#shared ?? this).get(`shared ${name}`, inputs, make);
  }

  /** `lazy`: inputs whose change may wait until the memo is no longer holding. */
  get<T>(name: string, inputs: readonly unknown[], make: () => T, lazy: readonly unknown[] = []): T {
    this.#used.add(name);
    const last = this.#last.get(name);
    if (last && areSame(last.inputs, inputs)) {
      if (areSame(last.lazy, lazy)) return last.value as T;
      if (this.isHolding) {
        this.hasHeld = true;
        if (this.mayPrepare > 0 && !(last.next && areSame(last.next.lazy, lazy))) {
          this.mayPrepare -= 1;
          last.next = { lazy, value: make() };
        }
        return last.value as T;
      }
      if (last.next && areSame(last.next.lazy, lazy)) {
        this.#last.set(name, { inputs, ...last.next });
        return last.next.value as T;
      }
    }
    const value = make();
    this.#last.set(name, { inputs, lazy, value });
    return value;
  }

  /** Forgets what was not asked for since the last time: servers that are gone. */
  sweep(): void {
    for (const name of this.#last.keys()) if (!this.#used.has(name)) this.#last.delete(name);
    this.#used = new Set();
  }
}
