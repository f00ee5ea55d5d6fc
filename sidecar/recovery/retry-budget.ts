interface Waiter {
  grant(isGranted: boolean): void;
}

/**
 * Bounds re-sent requests to a share of the live ones, with a floor, so that a sick server is not finished off by its gateways. A re-sent
 * request holds its place until its answer begins or fails. A request that finds the budget spent waits for a place. The sessions of a dead
 * replica come all at once, and what is allowed a moment later should not be refused.
 */
export class RetryBudget {
  #live = 0;
  #resending = 0;
  readonly #waiting: Waiter[] = [];

  get live(): number {
    return this.#live;
  }
  get resending(): number {
    return this.#resending;
  }
  get waiting(): number {
    return this.#waiting.length;
  }

  began(): void {
    this.#live++;
  }
  ended(): void {
    this.#live--;
  }

  tryAcquire(percent: number, floor: number): boolean {
    if (this.#resending >= Math.max(floor, Math.floor((this.#live * percent) / 100))) return false;
    this.#resending++;
    return true;
  }

  /** Resolves to true with a place, to false when none came free in `waitMs`, or at once when neither share nor floor allows any. */
  acquire(percent: number, floor: number, waitMs: number): Promise<boolean> {
    if (this.tryAcquire(percent, floor)) return Promise.resolve(true);
    if (waitMs <= 0 || (percent === 0 && floor === 0)) return Promise.resolve(false);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        grant: (isGranted) => {
          clearTimeout(timer);
          resolve(isGranted);
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        resolve(false);
      }, waitMs);
      this.#waiting.push(waiter);
    });
  }

  release(): void {
    const next = this.#waiting.shift();
    if (next)
      next.grant(true); // the place goes over as it is
    else this.#resending--;
  }
}
