import { createContextKey, ROOT_CONTEXT, SeverityNumber, TraceFlags, type Context } from '@opentelemetry/api';
import { OTLPLogExporter as GrpcExporter } from '@opentelemetry/exporter-logs-otlp-grpc';
import { OTLPLogExporter as HttpExporter } from '@opentelemetry/exporter-logs-otlp-proto';
import {
  BatchLogRecordProcessor,
  LoggerProvider,
  type LogRecordProcessor,
  type ReadableLogRecord,
  type ReadWriteLogRecord,
} from '@opentelemetry/sdk-logs';
import { logsPath, MAX_QUEUED_RECORDS } from '../../proto/audit.ts';
import type { Collector } from '../../proto/collector.ts';
import { batchOptions } from '../otlp/batch-options.ts';
import { BoundedQueue } from '../otlp/bounded-queue.ts';
import { closeWithin } from '../otlp/close-within.ts';
import { CollectorExporter, type Signal } from '../otlp/collector-exporter.ts';
import { sidecarResource } from '../otlp/sidecar-resource.ts';
import { ATTRIBUTE, EXECUTE_TOOL, spanName } from '../tracing/conventions.ts';
import type { AuditRecord, AuditSink } from './audit-record.ts';

export interface OtelAuditOptions {
  collector: Collector;
  nodeId: string;
  version: string;
  onLost: (count: number) => void;
  /** What went wrong towards the collector; never a header's value. */
  onProblem: (problem: string) => void;
}

const EVENT = 'holdfast.audit.call';
const RECORDS: Signal<ReadableLogRecord> = {
  things: 'audit records',
  pathOf: logsPath,
  grpc: GrpcExporter,
  http: HttpExporter,
};
const TRACE = createContextKey('trace id of the call');

/** Hands on the records that the queue has room for. A call's span is not known here, only its trace, which the SDK alone would leave out. */
class BoundedRecords implements LogRecordProcessor {
  readonly #inner: LogRecordProcessor;
  readonly #queue: Pick<BoundedQueue<ReadableLogRecord>, 'take'>;

  constructor(inner: LogRecordProcessor, queue: Pick<BoundedQueue<ReadableLogRecord>, 'take'>) {
    this.#inner = inner;
    this.#queue = queue;
  }

  onEmit(record: ReadWriteLogRecord, context?: Context): void {
    if (!this.#queue.take()) return;
    const traceId = context?.getValue(TRACE);
    if (typeof traceId === 'string') record.spanContext = { traceId, spanId: '', traceFlags: TraceFlags.NONE };
    this.#inner.onEmit(record);
  }
  forceFlush(): Promise<void> {
    return this.#inner.forceFlush();
  }
  shutdown(): Promise<void> {
    return this.#inner.shutdown();
  }
}

/** Records as logs of OpenTelemetry: batched, bounded, sent off the path of calls. */
export function createOtelAudit({ collector, nodeId, version, onLost, onProblem }: OtelAuditOptions): AuditSink {
  const lost = (_reason: string, count: number): void => onLost(count);
  const exporter = new CollectorExporter({ collector, signal: RECORDS, lost, sent: () => undefined, onProblem });
  const batches = new BatchLogRecordProcessor({ exporter, ...batchOptions(MAX_QUEUED_RECORDS, collector.timeoutMs) });
  const queue = new BoundedQueue(exporter, MAX_QUEUED_RECORDS, onLost);
  const provider = new LoggerProvider({
    resource: sidecarResource({ nodeId, version }),
    logRecordLimits: { attributeValueLengthLimit: 1024 },
    processors: [new BoundedRecords(batches, queue)],
  });
  const logger = provider.getLogger('holdfast', version);
  return {
    write: (record) =>
      logger.emit({
        eventName: EVENT,
        timestamp: Date.parse(record.time),
        severityNumber: SeverityNumber.INFO,
        severityText: 'INFO',
        body: `${spanName(record.method, record.tool)}: ${record.outcome}`,
        attributes: attributesOf(record),
        context: record.traceId === null ? ROOT_CONTEXT : ROOT_CONTEXT.setValue(TRACE, record.traceId),
      }),
    close: () => closeWithin(provider),
  };
}

/** What is null has no attribute. */
function attributesOf(record: AuditRecord): Record<string, string | number> {
  const all = {
    [ATTRIBUTE.user]: record.principal,
    [ATTRIBUTE.server]: record.server,
    [ATTRIBUTE.method]: record.method,
    [ATTRIBUTE.operation]: record.tool === null ? null : EXECUTE_TOOL,
    [ATTRIBUTE.tool]: record.tool,
    [ATTRIBUTE.outcome]: record.outcome,
    [ATTRIBUTE.httpStatus]: record.status === 0 ? null : record.status,
    [ATTRIBUTE.rpcStatus]: record.errorCode === null ? null : String(record.errorCode),
    [ATTRIBUTE.durationMs]: record.durationMs,
    [ATTRIBUTE.slot]: record.slot,
    [ATTRIBUTE.sessionDigest]: record.session,
  };
  const known: Record<string, string | number> = {};
  for (const [key, value] of Object.entries(all)) if (value !== null) known[key] = value;
  return known;
}
