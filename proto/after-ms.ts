/**
 * Calls `run` once after `ms`, when what had come over the network by then has been read. A process that had no CPU for
 * that long finds its timers due before it reads. It would take an answer that lies there for missing. Returns a
 * function that stops it. `isDaemon`: the wait alone keeps no process alive.
 */
export function afterMs(ms: number, run: () => void, { isDaemon = false } = {}): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    immediate = setImmediate(run);
    if (isDaemon) immediate.unref();
  }, ms);
  if (isDaemon) timer.unref();
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
