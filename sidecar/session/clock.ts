/** Time, as a parameter: the system's own in main, a hand-driven one in tests. */
export interface Clock {
  /** ms since the epoch. */
  now(): number;
  /** Calls `run` once after `delayMs`; returns a function that stops it. Never keeps the process alive. */
  after(delayMs: number, run: () => void): () => void;
  every(intervalMs: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: Date.now,
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs).unref();
    return () => clearTimeout(timer);
  },
  every(intervalMs, run) {
    const timer = setInterval(run, intervalMs).unref();
    return () => clearInterval(timer);
  },
};
