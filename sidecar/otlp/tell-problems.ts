import type { Logger } from 'pino';

/** A collector that is down is written about this often at most. */
const LOG_EVERY_MS = 60_000;

/** Writes what went wrong towards a collector to the log, now and then. */
export function tellProblems(
  { log, now }: { log: Pick<Logger, 'warn'>; now: () => number },
  message: string,
): (problem: string) => void {
  let loggedMs = -Infinity;
  return (problem) => {
    if (now() - loggedMs < LOG_EVERY_MS) return;
    loggedMs = now();
    log.warn({ problem }, message);
  };
}
