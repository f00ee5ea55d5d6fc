import type { handleClientStreamingCall, ServerReadableStream } from '@grpc/grpc-js';
import type { Outcome } from '../../proto/outcome.ts';
import type { AccessLogEntry } from './access-log-entry.ts';
import { readEntry, type EntryReading } from './read-entry.ts';

/** envoy.service.accesslog.v3.StreamAccessLogsMessage, as proto/xds/services.ts gives it. */
export interface AccessLogMessage { http_logs?: { log_entry?: AccessLogEntry[] } | null }

export interface AccessLogReceiverOptions {
  bus: { publish(outcome: Outcome): boolean; readonly isBusy: boolean; whenIdle(): Promise<void> };
  backendOf: (server: string, slot: string) => string | null;
  onEntries?: (result: EntryReading['kind'], count: number) => void;
}

/**
 * Takes Envoy's access logs: implementation of `StreamAccessLogs` for the sidecar's gRPC server. When outcomes pile up it stops reading;
 * Envoy then keeps what fits its buffer and counts what it drops (`access_logs.grpc_access_log.logs_dropped`).
 */
export function accessLogReceiver({ bus, backendOf, onEntries = () => {} }: AccessLogReceiverOptions): handleClientStreamingCall<AccessLogMessage, object> {
  const take = (message: AccessLogMessage): void => {
    const counts: Partial<Record<EntryReading['kind'], number>> = {};
    for (const entry of message.http_logs?.log_entry ?? []) {
      const reading = readSafely(entry, backendOf);
      counts[reading.kind] = (counts[reading.kind] ?? 0) + 1;
      if (reading.kind === 'outcome') bus.publish(reading.outcome);
    }
    for (const [kind, count] of Object.entries(counts)) onEntries(kind as EntryReading['kind'], count);
  };
  return (call: ServerReadableStream<AccessLogMessage, object>, answer) => {
    call.on('data', (message: AccessLogMessage) => {
      take(message);
      if (!bus.isBusy) return;
      call.pause();
      void bus.whenIdle().then(() => { call.resume(); });
    });
    call.on('end', () => { answer(null, {}); });
    // Envoy went away or was restarted; it opens a new stream by itself.
    call.on('error', () => {});
  };
}

/** One odd entry must not cost the rest of its batch. */
function readSafely(entry: AccessLogEntry, backendOf: AccessLogReceiverOptions['backendOf']): EntryReading {
  try { return readEntry(entry, backendOf); } catch { return { kind: 'malformed' }; }
}
