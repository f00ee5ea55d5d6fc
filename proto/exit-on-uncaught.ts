import type { Logger } from 'pino';
import { describeError } from './describe-error.ts';

/** The last net: what no entry caught is logged without anybody's data, then the process ends with 1 for its runner to start it again. */
export function exitOnUncaught(log: Pick<Logger, 'fatal'>, exit: (code: number) => void = process.exit): void {
  process.on('uncaughtException', (error, origin) => {
    try {
      log.fatal({ origin, error: describeError(error) }, 'an error reached the last net; the process ends');
    } finally {
      exit(1);
    }
  });
}
