import type { Outcome } from '../../proto/outcome.ts';
import { HEADER, METADATA, RESOURCE, type AnswerRead } from '../../proto/wire.ts';
import type { AccessLogEntry, AnswerNotes, MetadataFields, Seconds } from './access-log-entry.ts';
import { entryKind } from './entry-kind.ts';
import { kindOfFlags } from './response-flags.ts';

export type EntryReading =
  | { kind: 'outcome'; outcome: Outcome }
  /** `relay`: the relay reports it. `foreign`: no MCP request (health, documents, upgrades, unknown paths). `malformed`: not an entry. */
  | { kind: 'relay' | 'foreign' | 'malformed' };

/** Which way a route of this kind is; kinds that are not here carry no MCP request. */
const WAYS: Readonly<Record<string, Outcome['way']>> = {
  steady: 'steady', guarded: 'steady', decide: 'decide', modern: 'modern', relay: 'relay', sse: 'relay', refused: 'decide',
};
const TRACE = /^[0-9a-f]{2}-([0-9a-f]{32})-/;
const NO_FIELDS: MetadataFields = {};
const NO_HEADERS: Record<string, string> = {};

const ms = (time: Seconds | undefined): number => (time?.seconds ?? 0) * 1000 + (time?.nanos ?? 0) / 1e6;

/** One access log entry as an outcome. `backendOf` looks the slot up in the topology. */
export function readEntry(entry: AccessLogEntry, backendOf: (server: string, slot: string) => string | null): EntryReading {
  const common = entry.common_properties, request = entry.request;
  if (!common || !request) return { kind: 'malformed' };
  const headers = request.request_headers ?? NO_HEADERS;
  const [routeServer, routeKind = ''] = (common.route_name ?? '').split('/');
  const server = headers[HEADER.server] || routeServer;
  const way = WAYS[routeKind];
  if (!server || !way) return { kind: 'foreign' };

  const flags = common.response_flags;
  const status = entry.response?.response_code?.value ?? 0;
  const isFromReplica = common.upstream_remote_address != null && entry.response?.response_code_details === 'via_upstream';
  // The listener leaves out what a relay answered where it can tell; this catches relays that a route names directly.
  if (common.upstream_cluster === RESOURCE.relayCluster && common.upstream_remote_address != null && !flags?.['upstream_connection_failure']) return { kind: 'relay' };
  // Every replica has a slot; what answered without one, in a server's cluster, is a relay.
  if (isFromReplica && !common.custom_tags?.['slot']) return { kind: 'relay' };

  const metadata = common.metadata?.filter_metadata;
  const asked = metadata?.[METADATA.request]?.fields ?? NO_FIELDS;
  const notes = answerNotes(metadata?.[METADATA.outcome]?.fields ?? NO_FIELDS);
  const httpMethod = request.request_method ?? '';
  const hasRequestId = asked['id'] !== undefined;
  const method = httpMethod !== 'POST' ? httpMethod || 'other' : asked['method']?.string_value ?? headers[HEADER.method] ?? (hasRequestId ? 'response' : 'other');
  const answer = entry.response?.response_headers ?? NO_HEADERS;
  const session = metadata?.[METADATA.namespace]?.fields?.[METADATA.session]?.string_value || headers[HEADER.session] || null;
  // What Envoy or the sidecar answered without trouble upstream is not the replica's doing, even where one had been chosen.
  const slot = isFromReplica || kindOfFlags(flags) !== undefined ? common.custom_tags?.['slot'] || null : null;
  const startedAtMs = ms(common.start_time);
  return {
    kind: 'outcome',
    outcome: {
      kind: entryKind({
        httpMethod, method, status, flags, notes, isFromReplica, hasSession: session !== null,
        hasRequestId: hasRequestId && method !== 'response', contentType: answer['content-type'] ?? '',
        bodyBytes: entry.response?.response_body_bytes ?? 0, hasRetryAfter: answer['retry-after'] !== undefined, givesSession: answer[HEADER.sessionId] !== undefined,
      }),
      server, slot, backend: slot === null ? null : backendOf(server, slot), method,
      tool: method === 'tools/call' ? asked['name']?.string_value ?? headers[HEADER.name] ?? null : null,
      status, errorCode: notes.errorCode, durationMs: ms(common.duration ?? common.time_to_last_downstream_tx_byte), startedAtMs,
      source: 'envoy', way, session, traceId: TRACE.exec(headers['traceparent'] ?? '')?.[1] ?? null,
      permit: metadata?.[METADATA.namespace]?.fields?.[METADATA.permit]?.string_value ?? null,
    },
  };
}

function answerNotes(fields: MetadataFields): AnswerNotes {
  const code = fields['code'];
  const errorCode = code?.number_value ?? (code?.string_value === undefined ? null : Number(code.string_value));
  const isError = fields['isError'];
  return {
    read: (fields[METADATA.read]?.string_value ?? null) as AnswerRead | null,
    isJsonFailed: fields[METADATA.jsonFailed] !== undefined,
    errorCode: errorCode !== null && Number.isFinite(errorCode) ? errorCode : null,
    isToolError: isError?.bool_value === true || isError?.string_value === 'true',
  };
}
