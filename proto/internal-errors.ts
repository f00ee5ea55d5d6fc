import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { describeError } from './describe-error.ts';
import { detach } from './detach.ts';

/** Where a process reports what it caught at one of its entries. Each report is a bug of ours, or a guard that is missing further in. */
export interface InternalErrors {
  /** Counts and logs. `where` is the entry: one of a few fixed words, because it is a label. Never throws. */
  report(where: string, error: unknown): void;
}

/** `holdfast_internal_errors_total{where}` in `registry`, and a line in the log for each. */
export function internalErrors(registry: Registry, log: Pick<Logger, 'error'>): InternalErrors {
  const total = new Counter({
    name: 'holdfast_internal_errors_total',
    help: 'Exceptions that were caught at an entry of the process instead of ending it.',
    labelNames: ['where'],
    registers: [registry],
  });
  return {
    report(where, error) {
      try {
        total.inc({ where });
        log.error({ where, error: describeError(error) }, 'an internal error was contained');
      } catch {
        // A log that can't be written must not end the process either.
      }
    },
  };
}

/** `act` as a callback that neither throws nor rejects: for timers, listeners and every function that is handed to a library. */
export function contained<A extends unknown[]>(
  errors: InternalErrors,
  where: string,
  act: (...args: A) => unknown,
): (...args: A) => void {
  return (...args) =>
    detach(
      () => act(...args),
      (error) => errors.report(where, error),
    );
}

/** For tests and tools that nobody watches: what is caught is dropped. */
export const unreported: InternalErrors = { report: () => {} };
