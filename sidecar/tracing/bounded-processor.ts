import type { Context } from '@opentelemetry/api';
import type { ReadableSpan, Span, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';

/** Counts what the SDK's own queue would drop without saying so: spans that ended and were not handed to the exporter yet. */
export class BoundedProcessor implements SpanProcessor {
  readonly #inner: SpanProcessor;
  readonly #most: number;
  readonly #onDropped: (count: number) => void;
  #queued = 0;

  constructor(inner: SpanProcessor, exporter: SpanExporter, most: number, onDropped: (count: number) => void) {
    this.#inner = inner;
    this.#most = most;
    this.#onDropped = onDropped;
    const { export: send } = exporter;
    exporter.export = (spans, done) => {
      this.#queued -= spans.length;
      send.call(exporter, spans, done);
    };
  }

  onStart(span: Span, context: Context): void {
    this.#inner.onStart(span, context);
  }
  onEnd(span: ReadableSpan): void {
    if (this.#queued >= this.#most) return this.#onDropped(1);
    this.#queued++;
    this.#inner.onEnd(span);
  }
  forceFlush(): Promise<void> {
    return this.#inner.forceFlush();
  }
  shutdown(): Promise<void> {
    return this.#inner.shutdown();
  }
}
