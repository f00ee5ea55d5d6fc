import { hex, messageType, NANOS_PER_MS, readAttributes, type Attributes, type RawAttributes } from './raw-otlp.ts';

export interface ReceivedSpan {
  service: string;
  instance: string;
  traceId: string;
  spanId: string;
  /** Empty: it begins its trace. */
  parentId: string;
  name: string;
  kind: 'internal' | 'server' | 'client' | 'other';
  startMs: number;
  endMs: number;
  attributes: Attributes;
  events: { name: string; attributes: Attributes }[];
  links: string[];
  hasFailed: boolean;
}

interface RawSpan {
  trace_id: Uint8Array;
  span_id: Uint8Array;
  parent_span_id?: Uint8Array;
  name: string;
  kind?: number;
  start_time_unix_nano: number;
  end_time_unix_nano: number;
  attributes?: RawAttributes;
  events?: { name: string; attributes?: RawAttributes }[];
  links?: { trace_id: Uint8Array }[];
  status?: { code?: number };
}
interface RawRequest {
  resource_spans?: { resource?: { attributes?: RawAttributes }; scope_spans?: { spans?: RawSpan[] }[] }[];
}

const Request = messageType('ExportTraceServiceRequest');

const KINDS = ['other', 'internal', 'server', 'client'] as const;
const STATUS_ERROR = 2;

/** The spans of one OTLP request. Throws for what is none. */
export function decodeSpans(bytes: Uint8Array): ReceivedSpan[] {
  const { resource_spans = [] } = Request.toObject(Request.decode(bytes), { longs: Number }) as RawRequest;
  return resource_spans.flatMap(({ resource, scope_spans = [] }) => {
    const of = readAttributes(resource?.attributes);
    return scope_spans
      .flatMap(({ spans = [] }) => spans)
      .map((span) => ({
        service: String(of['service.name'] ?? ''),
        instance: String(of['service.instance.id'] ?? ''),
        traceId: hex(span.trace_id),
        spanId: hex(span.span_id),
        parentId: hex(span.parent_span_id),
        name: span.name,
        kind: KINDS[span.kind ?? 0] ?? 'other',
        startMs: span.start_time_unix_nano / NANOS_PER_MS,
        endMs: span.end_time_unix_nano / NANOS_PER_MS,
        attributes: readAttributes(span.attributes),
        events: (span.events ?? []).map(({ name, attributes }) => ({ name, attributes: readAttributes(attributes) })),
        links: (span.links ?? []).map(({ trace_id }) => hex(trace_id)),
        hasFailed: span.status?.code === STATUS_ERROR,
      }));
  });
}
