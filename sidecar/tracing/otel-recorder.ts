import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  createTraceState,
  trace,
  type Span,
} from '@opentelemetry/api';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as HttpExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  TracerProvider,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace';
import { MAX_QUEUED_SPANS, tracesPath, type Tracing } from '../../proto/tracing.ts';
import { batchOptions } from '../otlp/batch-options.ts';
import { BoundedQueue } from '../otlp/bounded-queue.ts';
import { closeWithin } from '../otlp/close-within.ts';
import { CollectorExporter, type Signal } from '../otlp/collector-exporter.ts';
import { sidecarResource } from '../otlp/sidecar-resource.ts';
import { ATTRIBUTE } from './conventions.ts';
import { BoundedProcessor } from './bounded-processor.ts';
import type { OpenSpan, Recorder, SpanStart } from './recorder.ts';
import type { TraceContext } from './trace-context.ts';

export interface RecorderOptions {
  tracing: Tracing;
  nodeId: string;
  version: string;
  /** Spans that no collector will see, and why. */
  lost: (reason: 'queue' | 'export', count: number) => void;
  sent: (count: number) => void;
  /** What went wrong towards the collector; never a header's value. */
  onProblem: (problem: string) => void;
  exporter?: SpanExporter;
}

const SPANS: Signal<ReadableSpan> = { things: 'spans', pathOf: tracesPath, grpc: GrpcExporter, http: HttpExporter };

const KIND = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const;

/** Spans by OpenTelemetry's SDK: batched, bounded, sent off the path of requests. Whether a span is made was decided before (call-trace.ts). */
export function createRecorder(options: RecorderOptions): Recorder {
  const { tracing, nodeId, version, lost, sent, onProblem } = options;
  const exporter =
    options.exporter ?? new CollectorExporter({ collector: tracing, signal: SPANS, lost, sent, onProblem });
  const batches = new BatchSpanProcessor({ exporter, ...batchOptions(MAX_QUEUED_SPANS, tracing.timeoutMs) });
  const queue = new BoundedQueue(exporter, MAX_QUEUED_SPANS, (count) => lost('queue', count));
  const provider = new TracerProvider({
    sampler: new AlwaysOnSampler(),
    resource: sidecarResource({ nodeId, version }),
    spanLimits: { attributeValueLengthLimit: 1024, eventCountLimit: 64 },
    spanProcessors: [new BoundedProcessor(batches, queue)],
  });
  const tracer = provider.getTracer('holdfast', version);
  return {
    start({ name, kind, startMs, attributes, parent, link }: SpanStart): OpenSpan {
      const context = parent ? trace.setSpanContext(ROOT_CONTEXT, spanContextOf(parent)) : ROOT_CONTEXT;
      const links = link ? [{ context: spanContextOf(link) }] : [];
      const span = tracer.startSpan(name, { kind: KIND[kind], startTime: startMs, attributes, links }, context);
      return new RecordedSpan(span, parent?.state ?? null);
    },
    close: () => closeWithin(provider),
  };
}

class RecordedSpan implements OpenSpan {
  readonly #span: Span;
  readonly context: TraceContext;

  constructor(span: Span, state: string | null) {
    this.#span = span;
    const { traceId, spanId } = span.spanContext();
    this.context = { traceId, spanId, isSampled: true, state };
  }
  set(attributes: Record<string, string | number | boolean | undefined>): void {
    for (const [key, value] of Object.entries(attributes)) if (value !== undefined) this.#span.setAttribute(key, value);
  }
  event(name: string, attributes: Record<string, string | number | boolean | undefined>, atMs: number): void {
    this.#span.addEvent(name, attributes, atMs);
  }
  end(atMs: number, error?: string): void {
    if (error !== undefined) {
      this.#span.setAttribute(ATTRIBUTE.errorType, error);
      this.#span.setStatus({ code: SpanStatusCode.ERROR });
    }
    this.#span.end(atMs);
  }
}

const spanContextOf = ({ traceId, spanId, isSampled, state }: TraceContext) => ({
  traceId,
  spanId,
  traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
  isRemote: true,
  ...(state !== null && { traceState: createTraceState(state) }),
});
