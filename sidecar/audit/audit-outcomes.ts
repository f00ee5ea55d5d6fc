import type { Metrics } from '../metrics/metrics.ts';
import type { OutcomeBus } from '../outcome/outcome-bus.ts';
import type { SessionDirectory } from '../session/session-directory.ts';
import type { ServerView } from '../xds/topology.ts';
import { AuditTrail } from './audit-trail.ts';

interface Sources {
  server: (name: string) => ServerView | undefined;
  directory: Pick<SessionDirectory, 'peek'>;
  metrics: Pick<Metrics, 'path'>;
  now: () => number;
}

/** The audit trail of everything that is told to the bus. `close` writes what the bus still holds. */
export function auditOutcomes(
  bus: OutcomeBus,
  { server, directory, metrics, now }: Sources,
): { close(): Promise<void> } {
  const trail = new AuditTrail({
    policy: (name) => server(name)?.policy,
    ownerOf: (name, digest) => directory.peek(name, digest)?.principal ?? null,
    onLost: (count) => metrics.path.outcomesDropped('audit', count),
    now,
  });
  bus.subscribe('audit', trail.note);
  return {
    close: () => {
      bus.flush();
      return trail.close();
    },
  };
}
