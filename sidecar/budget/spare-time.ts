import { performance } from 'node:perf_hooks';

/** Runs something later, once, and not before so many ms. */
export type Later = (run: () => void, leastMs?: number) => void;

/**
 * For long bodies, for which nobody waits as for a call: a quarter of the event loop. With half of it, 1,000 streams that nobody reads made calls
 * take twice as long.
 */
export const A_QUARTER = { idleShare: 3, mostWaitMs: 40 } as const;

/** Milliseconds in which the event loop waited for something to do, and in which it did something, since it began. */
export interface LoopTime {
  idle: number;
  active: number;
}

export interface SpareTimeOptions {
  /** The event loop has spare time again once it was idle for as long, times this, as it was busy since it was asked. Default 1: half of it. */
  idleShare?: number;
  /** A loop that never rests goes on after so long: what waits is slow then, and does not starve. Default 20. */
  mostWaitMs?: number;
  loopTime?: () => LoopTime;
  after?: (delayMs: number, run: () => void) => void;
}

/**
 * Lets work that may wait run in what others leave of the event loop. What such work sets off is done in later turns of the loop, when Redis and
 * replicas answer. So a share of one turn bounds only how it begins, and a thousand beginnings fill the loop all the same. Here the next ones
 * begin when the loop has had a rest.
 */
export function spareTime({
  idleShare = 1,
  mostWaitMs = 20,
  loopTime = () => performance.eventLoopUtilization(),
  after = (delayMs, run) => {
    setTimeout(run, delayMs);
  },
}: SpareTimeOptions = {}): Later {
  return (run, leastMs = 1) => {
    const from = loopTime();
    const look = (): void => {
      const now = loopTime(),
        idleMs = now.idle - from.idle,
        busyMs = now.active - from.active;
      if (idleMs >= busyMs * idleShare || idleMs + busyMs >= mostWaitMs) run();
      else after(1, look);
    };
    after(leastMs, look);
  };
}
