import { afterMs } from './after-ms.ts';

/** What a promise comes to, or after `ms` what `late` gives or throws. The promise itself goes on; should it fail later, nobody hears of it. */
export async function withinMs<T, L>(ms: number, pending: Promise<T>, late: () => L): Promise<T | L> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = afterMs(ms, resolve);
  try {
    return await Promise.race([pending, promise.then(late)]);
  } finally {
    stop();
  }
}
