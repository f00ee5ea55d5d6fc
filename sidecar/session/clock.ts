import { afterMs } from '../../proto/after-ms.ts';
import { steadyNow } from '../../proto/steady-clock.ts';

/** Time, as a parameter: the system's own in main, a hand-driven one in tests. */
export interface Clock {
  /** ms since the epoch; never goes back. */
  now(): number;
  /** Calls `run` once after `delayMs`; returns a function that stops it. Never keeps the process alive. */
  after(delayMs: number, run: () => void): () => void;
  every(intervalMs: number, run: () => void): () => void;
}

export const systemClock: Clock = {
  now: steadyNow,
  after(delayMs, run) {
    return afterMs(delayMs, run, { isDaemon: true });
  },
  every(intervalMs, run) {
    const timer = setInterval(run, intervalMs).unref();
    return () => clearInterval(timer);
  },
};
