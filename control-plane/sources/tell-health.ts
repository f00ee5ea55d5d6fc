import type { Logger } from 'pino';
import type { ProbeResult } from '../probe/probes.ts';
import type { Stores } from '../wiring/stores.ts';

/** Tells operators when a replica's health changed. All control planes log it; the leader alone makes the event. */
export function tellHealth(
  { server, replica, health, detail }: ProbeResult,
  before: { health: string },
  { lease, events }: Pick<Stores, 'lease' | 'events'>,
  log: Logger,
): void {
  if (health === before.health) return;
  log.info({ server, replica, health, detail }, 'replica health');
  if (!lease.isLeader) return;
  events.append({
    kind: `replica.${health}`,
    level: health === 'unhealthy' ? 'warning' : 'info',
    server,
    subject: replica,
    message: `${server} ${replica} is ${health}: ${detail}`,
  });
}
