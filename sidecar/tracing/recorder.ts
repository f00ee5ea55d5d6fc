import type { TraceContext } from './trace-context.ts';

export type Attributes = Record<string, string | number | boolean | undefined>;

export interface SpanStart {
  name: string;
  kind: 'server' | 'client' | 'internal';
  /** ms since the epoch; may lie in the past. */
  startMs: number;
  attributes: Attributes;
  /** Null begins a trace. */
  parent: TraceContext | null;
  link?: TraceContext | null;
}

export interface OpenSpan {
  readonly context: TraceContext;
  set(attributes: Attributes): void;
  event(name: string, attributes: Attributes, atMs: number): void;
  /** `error`: the conventions' `error.type`; the span failed. */
  end(atMs: number, error?: string): void;
}

/** Makes spans and sends them, without ever making anybody wait (otel-recorder.ts). */
export interface Recorder {
  start(span: SpanStart): OpenSpan;
  /** Sends what waits, as far as it gets. */
  close(): Promise<void>;
}
