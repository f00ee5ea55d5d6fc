const EVERY_MS = 100;

/** How long this process had no CPU: clients, relays and replicas of the table live in it, and none of them could do anything. */
export class StallWatch {
  readonly #stalls: { endedAtMs: number; ms: number }[] = [];
  readonly #timer: NodeJS.Timeout;
  #lastMs = performance.now();

  constructor() {
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      const ms = nowMs - this.#lastMs - EVERY_MS;
      if (ms > EVERY_MS) this.#stalls.push({ endedAtMs: nowMs, ms });
      this.#lastMs = nowMs;
    }, EVERY_MS);
  }

  /** The longest that ended since then, in ms. */
  longestSince(startedAtMs: number): number {
    const since = this.#stalls.filter(({ endedAtMs }) => endedAtMs >= startedAtMs);
    return Math.round(Math.max(0, ...since.map(({ ms }) => ms)));
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
