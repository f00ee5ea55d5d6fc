/** The first repetition goes at once: its replica, or its connection, is another one. */
const FREE = 1;
const FIRST_MS = 50;
const LAST_MS = 2000;

/**
 * The pause before something is tried once more, in ms. It doubles each time. Half of it is random, so that requests that failed together
 * do not come back together.
 */
export function pauseBefore(repetition: number, random: () => number): number {
  if (repetition <= FREE) return 0;
  const fullMs = Math.min(FIRST_MS * 2 ** (repetition - FREE - 1), LAST_MS);
  return fullMs / 2 + random() * (fullMs / 2);
}

/** The same, and never longer than the time that is left: a long pause must not outlast what its request may take. */
export const pauseWithin = (leftMs: number, repetition: number, random: () => number): number =>
  Math.max(0, Math.min(leftMs, pauseBefore(repetition, random)));
