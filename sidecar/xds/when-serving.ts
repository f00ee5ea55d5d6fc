import type { Logger } from 'pino';
import type { TopologyClient } from './topology-client.ts';

/** Begins as soon as a control plane has spoken, or the state file did; says so in the log when that takes longer than `timeoutMs`. */
export async function whenServing(
  topology: TopologyClient,
  timeoutMs: number,
  begin: () => void,
  log: Pick<Logger, 'warn'>,
): Promise<void> {
  if (await topology.whenReady(timeoutMs)) return begin();
  log.warn('no control plane has spoken yet; not ready until one does');
  topology.once('change', begin);
}
