import {
  hex,
  messageType,
  NANOS_PER_MS,
  readAttributes,
  readValue,
  type Attributes,
  type RawAttributes,
  type RawValue,
} from './raw-otlp.ts';

export interface ReceivedRecord {
  service: string;
  instance: string;
  event: string;
  atMs: number;
  severity: number;
  body: string;
  traceId: string;
  spanId: string;
  attributes: Attributes;
}

interface RawRecord {
  time_unix_nano: number;
  severity_number?: number;
  body?: RawValue;
  attributes?: RawAttributes;
  trace_id?: Uint8Array;
  span_id?: Uint8Array;
  event_name?: string;
}
interface RawRequest {
  resource_logs?: { resource?: { attributes?: RawAttributes }; scope_logs?: { log_records?: RawRecord[] }[] }[];
}

const Request = messageType('ExportLogsServiceRequest');

/** The log records of one OTLP request. Throws for what is none. */
export function decodeLogs(bytes: Uint8Array): ReceivedRecord[] {
  const { resource_logs = [] } = Request.toObject(Request.decode(bytes), { longs: Number }) as RawRequest;
  return resource_logs.flatMap(({ resource, scope_logs = [] }) => {
    const of = readAttributes(resource?.attributes);
    return scope_logs
      .flatMap(({ log_records = [] }) => log_records)
      .map((record) => ({
        service: String(of['service.name'] ?? ''),
        instance: String(of['service.instance.id'] ?? ''),
        event: record.event_name ?? '',
        atMs: record.time_unix_nano / NANOS_PER_MS,
        severity: record.severity_number ?? 0,
        body: String(readValue(record.body)),
        traceId: hex(record.trace_id),
        spanId: hex(record.span_id),
        attributes: readAttributes(record.attributes),
      }));
  });
}
