import type { Context } from '@opentelemetry/api';
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace';
import type { BoundedQueue } from '../otlp/bounded-queue.ts';

/** Hands on the spans that the queue has room for. */
export class BoundedProcessor implements SpanProcessor {
  readonly #inner: SpanProcessor;
  readonly #queue: Pick<BoundedQueue<ReadableSpan>, 'take'>;

  constructor(inner: SpanProcessor, queue: Pick<BoundedQueue<ReadableSpan>, 'take'>) {
    this.#inner = inner;
    this.#queue = queue;
  }

  onStart(span: Span, context: Context): void {
    this.#inner.onStart(span, context);
  }
  onEnd(span: ReadableSpan): void {
    if (this.#queue.take()) this.#inner.onEnd(span);
  }
  forceFlush(): Promise<void> {
    return this.#inner.forceFlush();
  }
  shutdown(): Promise<void> {
    return this.#inner.shutdown();
  }
}
