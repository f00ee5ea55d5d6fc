import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import type { DiscoveryConfig } from '../../config/backend-schema.ts';
import { Discovery } from '../discovery.ts';
import type { SourceReport } from '../source.ts';
import { nothingYet } from '../source-report.ts';

export async function until(condition: () => boolean): Promise<void> {
  const limit = AbortSignal.timeout(60_000);
  while (!condition()) await sleep(10, undefined, { signal: limit });
}

/** One source, followed until the test ends. `names`: its replicas with what keeps them from new sessions. */
export function follow(
  t: ExecutionContext,
  discovery: DiscoveryConfig,
): { names: () => string; report: () => SourceReport; stop: () => Promise<void> } {
  const running = new Discovery({ onChange: () => {} });
  t.teardown(() => running.stop());
  running.watch([{ server: 's', backend: 'stable', discovery }]);
  const report = () => running.current().get('s/stable') ?? nothingYet;
  return {
    report,
    names: () =>
      report()
        .replicas?.map(({ name, isTerminating, isReady }) =>
          isTerminating ? `${name} terminating` : isReady === false ? `${name} unready` : name,
        )
        .join(' ') ?? 'nothing yet',
    stop: () => running.stop(),
  };
}
