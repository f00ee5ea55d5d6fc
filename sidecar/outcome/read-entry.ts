import type { Outcome } from '../../proto/outcome.ts';
import type { AnswerRead } from '../../proto/wire.ts';
import { entryValues, type AccessLogEntry, type AnswerNotes, type EntryValues } from './access-log-entry.ts';
import { entryKind } from './entry-kind.ts';
import { hasFlag, kindOfFlags } from './response-flags.ts';

export type EntryReading =
  | { kind: 'outcome'; outcome: Outcome }
  /** `relay`: the relay reports it. `foreign`: no MCP request (health, documents, upgrades, unknown paths). `malformed`: not an entry. */
  | { kind: 'relay' | 'foreign' | 'malformed' };

/** Which way a route of this kind is; kinds that are not here carry no MCP request. */
const WAYS: Readonly<Record<string, Outcome['way']>> = {
  steady: 'steady', guarded: 'steady', decide: 'decide', modern: 'modern', relay: 'relay', sse: 'relay', refused: 'decide',
};
/** Routes whose cluster is the relay's own. */
const TO_RELAY: ReadonlySet<string> = new Set(['relay', 'sse']);
const TRACE = /^[0-9a-f]{2}-([0-9a-f]{32})-/;

/** One access log entry as an outcome. `backendOf` looks the slot up in the topology. */
export function readEntry(entry: AccessLogEntry, backendOf: (server: string, slot: string) => string | null): EntryReading {
  const values = entryValues(entry);
  if (!values) return { kind: 'malformed' };
  const { word, line } = values;
  const [server, routeKind = ''] = (word('route') ?? '').split('/');
  const way = WAYS[routeKind];
  if (!server || !way) return { kind: 'foreign' };

  const flags = word('flags');
  const status = Number(word('status') ?? 0);
  const hasUpstream = word('upstreamPort') !== null;
  const isFromReplica = hasUpstream && word('details') === 'via_upstream';
  const answeredSlot = word('slot');
  // The listener leaves out what a relay answered where it can tell; this catches relays that a route names directly.
  if (TO_RELAY.has(routeKind) && hasUpstream && !hasFlag(flags, 'UF')) return { kind: 'relay' };
  // Every replica has a slot; what answered without one, in a server's cluster, is a relay.
  if (isFromReplica && answeredSlot === null) return { kind: 'relay' };

  const httpMethod = word('httpMethod') ?? '';
  const hasRequestId = line('id') !== null;
  // What the body says; a header that nobody compared with it would be the client's word.
  const method = httpMethod !== 'POST' ? httpMethod || 'other' : line('method') ?? (hasRequestId ? 'response' : 'other');
  const notes = answerNotes(values);
  const session = line('session');
  // What Envoy or the sidecar answered without trouble upstream is not the replica's doing, even where one had been chosen.
  const slot = isFromReplica || kindOfFlags(flags) !== undefined ? answeredSlot : null;
  const answeredUs = word('answeredUs');
  return {
    kind: 'outcome',
    outcome: {
      kind: entryKind({
        httpMethod, method, status, flags, notes, isFromReplica, hasSession: session !== null,
        hasRequestId: hasRequestId && method !== 'response', contentType: line('contentType') ?? '',
        bodyBytes: Number(word('bytesSent') ?? 0), hasRetryAfter: word('retryAfter') !== null, givesSession: word('givenSession') !== null,
      }),
      server, slot, backend: slot === null ? null : backendOf(server, slot), method,
      tool: method === 'tools/call' ? line('name') : null,
      status, errorCode: notes.errorCode, durationMs: answeredUs === null ? Number(word('durationMs') ?? 0) : Number(answeredUs) / 1000, startedAtMs: entry.startedAtMs,
      source: 'envoy', way, session, traceId: TRACE.exec(line('traceparent') ?? '')?.[1] ?? null, permit: word('permit'),
    },
  };
}

function answerNotes({ word }: EntryValues): AnswerNotes {
  const code = word('code');
  const errorCode = code === null ? null : Number(code);
  return {
    read: word('read') as AnswerRead | null,
    isJsonFailed: word('jsonFailed') !== null,
    errorCode: errorCode !== null && Number.isFinite(errorCode) ? errorCode : null,
    isToolError: word('isError') === '1',
  };
}
