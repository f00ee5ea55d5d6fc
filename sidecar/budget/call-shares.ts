/** Calls in flight to one replica at a time, of all clients together. */
const CALLS_PER_REPLICA = 4096;

/** Calls in flight through this relay, by client: no single one takes the places that all of them share. */
export class CallShares {
  readonly #inFlight = new Map<string, number>();

  /** Counts a call of a client that has fewer than `most`; false when it has as many. What was taken is given back by `release`. */
  take(key: string, most: number): boolean {
    const count = this.#inFlight.get(key) ?? 0;
    if (count >= most) return false;
    this.#inFlight.set(key, count + 1);
    return true;
  }

  release(key: string): void {
    const count = (this.#inFlight.get(key) ?? 0) - 1;
    if (count > 0) this.#inFlight.set(key, count);
    else this.#inFlight.delete(key);
  }

  /** Clients with a call in flight. */
  get size(): number {
    return this.#inFlight.size;
  }
}

/**
 * Calls that one client may have in flight to a server. No replica then gets more of that client, so the share holds for each replica. 100:
 * no limit.
 */
export const shareOf = (percent: number): number =>
  percent === 100 ? Infinity : Math.max(1, Math.floor((CALLS_PER_REPLICA * percent) / 100));
