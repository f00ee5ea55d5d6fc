import type { Policy } from './policy.ts';

/** Broken after `threshold` failures with no success between them. */
export class ConsecutivePolicy implements Policy {
  readonly isSlowAFault = false;
  readonly #threshold: number;
  #inARow = 0;

  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  record(isFailure: boolean): boolean {
    this.#inARow = isFailure ? this.#inARow + 1 : 0;
    return this.#inARow >= this.#threshold;
  }

  reset(): void {
    this.#inARow = 0;
  }
}
