import type { Attributes, OpenSpan, Recorder, SpanStart } from '../recorder.ts';
import type { TraceContext } from '../trace-context.ts';

export interface KeptSpan extends SpanStart {
  context: TraceContext;
  attributes: Attributes;
  events: string[];
  endMs: number | null;
  error: string | null;
}

/** For tests: a recorder that keeps its spans, in the order in which they began. */
export class KeptSpans implements Recorder {
  readonly spans: KeptSpan[] = [];
  isClosed = false;

  start(start: SpanStart): OpenSpan {
    const traceId = start.parent?.traceId ?? 'e'.repeat(32);
    const spanId = (this.spans.length + 1).toString(16).padStart(16, '0');
    const context = { traceId, spanId, isSampled: true, state: start.parent?.state ?? null };
    const kept: KeptSpan = { ...start, attributes: {}, context, events: [], endMs: null, error: null };
    const set = (attributes: Attributes): void => {
      for (const [name, value] of Object.entries(attributes)) if (value !== undefined) kept.attributes[name] = value;
    };
    set(start.attributes);
    this.spans.push(kept);
    return {
      context,
      set,
      event: (name) => kept.events.push(name),
      end: (atMs, error) => {
        kept.endMs = atMs;
        kept.error = error ?? null;
      },
    };
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  get names(): string[] {
    return this.spans.map(({ name, kind }) => `${kind} ${name}`);
  }
}
