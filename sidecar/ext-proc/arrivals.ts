/** How many sessions are just beginning on each slot, so that a burst of them does not all go to the emptiest replica. */
export class Arrivals {
  readonly #counts = new Map<string, number>();

  at(server: string, slot: string): number {
    return this.#counts.get(`${server}/${slot}`) ?? 0;
  }

  add(server: string, slot: string, change: 1 | -1): void {
    const key = `${server}/${slot}`,
      count = (this.#counts.get(key) ?? 0) + change;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}
