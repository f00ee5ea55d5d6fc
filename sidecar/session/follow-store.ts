import type { Logger } from 'pino';
import type { SessionDirectory } from './session-directory.ts';

/** Tells operators when the session store goes away, refuses writes, or is back. */
export function followStore(
  directory: Pick<SessionDirectory, 'on' | 'isStoreReachable'>,
  metrics: { redisUp(isUp: boolean, isWritable: boolean): void },
  log: Pick<Logger, 'info' | 'warn'>,
): void {
  directory.on('store', ({ isReachable, reason }) => {
    metrics.redisUp(isReachable, reason !== 'unusable');
    if (isReachable) log.info({ isReachable }, 'the session store is back');
    else log.warn({ isReachable, reason }, 'the session store is away');
  });
  metrics.redisUp(directory.isStoreReachable, true);
}
