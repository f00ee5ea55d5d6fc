/** Share of its usual speed, while the machine's clock is behind. */
const CATCHING_UP = 0.9;

/**
 * Milliseconds since the epoch, never fewer than before. Deadlines, pauses and rates are measured with it. By a clock that was set back an hour, a
 * call would wait an hour longer, and an empty bucket would stay so. A clock that was set forward is followed at once. One that was set back is met
 * again in ten times the difference, because this clock goes a tenth slower until then.
 */
export function steadyClock(
  wallMs: () => number = Date.now,
  upMs: () => number = () => performance.now(),
): () => number {
  let atMs = wallMs();
  let lastUpMs = upMs();
  return () => {
    const up = upMs();
    atMs = Math.max(wallMs(), atMs + (up - lastUpMs) * CATCHING_UP);
    lastUpMs = up;
    return Math.floor(atMs);
  };
}

/** The one of this process. */
export const steadyNow: () => number = steadyClock();
