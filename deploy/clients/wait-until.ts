import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until `isTrue` gives a truthy value and returns it; throws with `what` after `timeoutMs`. */
export async function waitUntil<T>(what: string, isTrue: () => T | Promise<T>, timeoutMs = 15_000): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await isTrue();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`still not true after ${timeoutMs} ms: ${what}`);
    await sleep(10);
  }
}
