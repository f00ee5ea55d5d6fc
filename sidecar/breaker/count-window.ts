import type { Window } from './window.ts';

const FAILURE = 1;
const SLOW = 2;

/** The last `size` calls, one byte each, in a ring. */
export class CountWindow implements Window {
  readonly #ring: Uint8Array;
  #next = 0;
  calls = 0;
  failures = 0;
  slow = 0;

  constructor(size: number) {
    this.#ring = new Uint8Array(size);
  }

  record(isFailure: boolean, isSlow: boolean): void {
    const ring = this.#ring;
    if (this.calls === ring.length) {
      const oldest = ring[this.#next] ?? 0;
      this.failures -= oldest & FAILURE;
      this.slow -= (oldest & SLOW) >> 1;
    } else this.calls++;
    ring[this.#next] = (isFailure ? FAILURE : 0) | (isSlow ? SLOW : 0);
    if (isFailure) this.failures++;
    if (isSlow) this.slow++;
    this.#next = this.#next + 1 === ring.length ? 0 : this.#next + 1;
  }

  reset(): void {
    this.#next = this.calls = this.failures = this.slow = 0;
  }
}
