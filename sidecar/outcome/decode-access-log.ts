import type { AccessLogEntry } from './access-log-entry.ts';
import { WireReader } from '../../proto/xds/wire-reader.ts';

/**
 * Decodes a batch of log records (opentelemetry ExportLogsServiceRequest), of each only when it began and the text of its body: this is the
 * sidecar's only work for a steady request. Field numbers: proto/xds/opentelemetry.*.proto; a test compares with the full decoder.
 * Throws a RangeError when the batch is cut off.
 */
export function decodeAccessLog(bytes: Buffer): AccessLogEntry[] {
  const entries: AccessLogEntry[] = [], reader = new WireReader(bytes);
  reader.each(1, () => reader.each(2, () => reader.each(2, () => { entries.push(record(reader)); })));
  return entries;
}

function record(reader: WireReader): AccessLogEntry {
  let startedAtMs = 0, text = '';
  while (reader.next()) {
    if (reader.field === 1) startedAtMs = reader.fixed64() / 1e6;
    else if (reader.field === 5) reader.inside(() => { text = stringValue(reader); });
    else reader.skip();
  }
  return { startedAtMs, text };
}

/** An AnyValue that is a text; any other kind reads as an empty one. */
function stringValue(reader: WireReader): string {
  let value = '';
  while (reader.next()) {
    if (reader.field === 1) value = reader.text();
    else reader.skip();
  }
  return value;
}
