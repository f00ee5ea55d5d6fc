export type Limit = <T>(task: () => Promise<T>) => Promise<T>;

/** Runs at most `most` tasks at a time, in the order they came. */
export function limit(most: number): Limit {
  let running = 0;
  const waiting: Array<() => void> = [];
  return async (task) => {
    if (running < most) running++;
    else
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
