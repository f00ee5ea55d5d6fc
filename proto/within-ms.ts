import { setTimeout as sleep } from 'node:timers/promises';

/** What a promise comes to, or after `ms` what `late` gives or throws. The promise itself goes on; should it fail later, nobody hears of it. */
export async function withinMs<T, L>(ms: number, pending: Promise<T>, late: () => L): Promise<T | L> {
  const isOver = new AbortController();
  try {
    return await Promise.race([pending, sleep(ms, undefined, { signal: isOver.signal }).then(late)]);
  } finally {
    isOver.abort();
  }
}
