import type { Logger } from 'pino';
import type { Audit } from '../../proto/audit.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { tellProblems } from '../otlp/tell-problems.ts';
import type { OutcomeBus } from '../outcome/outcome-bus.ts';
import type { SessionDirectory } from '../session/session-directory.ts';
import type { ServerView } from '../xds/topology.ts';
import { AuditCollector } from './audit-collector.ts';
import { AuditFile } from './audit-file.ts';
import type { AuditSink } from './audit-record.ts';
import { AuditTrail } from './audit-trail.ts';

interface Sources {
  nodeId: string;
  version: string;
  server: (name: string) => ServerView | undefined;
  directory: Pick<SessionDirectory, 'peek'>;
  metrics: Pick<Metrics, 'path'>;
  log: Pick<Logger, 'warn'>;
  now: () => number;
  onError: (error: unknown) => void;
}

/** The audit trail of everything that is told to the bus. `close` writes what the bus still holds. */
export function auditOutcomes(bus: OutcomeBus, sources: Sources): { close(): Promise<void> } {
  const { nodeId, version, server, directory, metrics, log, now, onError } = sources;
  const onLost = (count: number): void => metrics.path.outcomesDropped('audit', count);
  const onProblem = tellProblems(
    { log, now },
    'the collector does not take audit records (servers[].audit.otlp); they are lost',
  );
  const open = ({ file, otlp }: Audit): AuditSink => {
    if (!otlp) return new AuditFile(file ?? null, onLost, now);
    const load = async (): Promise<AuditSink> => {
      const { createOtelAudit } = await import('./otel-audit.ts');
      return createOtelAudit({ collector: otlp, nodeId, version, onLost, onProblem });
    };
    return new AuditCollector({ load, onLost, onError });
  };
  const trail = new AuditTrail({
    policy: (name) => server(name)?.policy,
    ownerOf: (name, digest) => directory.peek(name, digest)?.principal ?? null,
    open,
    onError,
  });
  bus.subscribe('audit', trail.note);
  return {
    close: () => {
      bus.flush();
      return trail.close();
    },
  };
}
