import { addressKey } from '../../proto/address-key.ts';
import type { Outcome } from '../../proto/outcome.ts';
import type { AnswerRead } from '../../proto/wire.ts';
import { EntryValues, type AccessLogEntry, type AnswerNotes } from './access-log-entry.ts';
import { entryKind } from './entry-kind.ts';
import { hasFlag, isTimeout, kindOfFlags } from './response-flags.ts';

export type EntryReading =
  | { kind: 'outcome'; outcome: Outcome }
  /** `relay`: the relay reports it. `foreign`: no MCP request (health, documents, upgrades, unknown paths). `malformed`: not an entry. */
  | { kind: 'relay' | 'foreign' | 'malformed' };

/** The routing mode of a route of this kind; kinds that are not here carry no MCP request. */
const MODES: Readonly<Record<string, Outcome['mode']>> = {
  steady: 'steady',
  guarded: 'steady',
  decide: 'decide',
  modern: 'modern',
  relay: 'relay',
  sse: 'relay',
  refused: 'decide',
};
/** Routes whose cluster is the relay's own. */
const TO_RELAY: ReadonlySet<string> = new Set(['relay', 'sse']);
const TRACE = /^[0-9a-f]{2}-([0-9a-f]{32})-/;

/** One access log entry as an outcome. `backendOf` looks the slot up in the topology. */
export function readEntry(
  entry: AccessLogEntry,
  backendOf: (server: string, slot: string) => string | null,
): EntryReading {
  const values = EntryValues.read(entry);
  if (!values) return { kind: 'malformed' };
  const { server, routeKind } = routeOf(values);
  const mode = MODES[routeKind];
  if (!server || !mode) return { kind: 'foreign' };

  const flags = values.word('flags');
  const status = values.number('status') ?? 0;
  const hasUpstream = values.has('upstreamPort');
  const isFromReplica = hasUpstream && values.word('details') === 'via_upstream';
  const answeredSlot = values.word('slot');
  // The listener leaves out what a relay answered where it can tell. This finds relays that a route names directly.
  const isToRelay = TO_RELAY.has(routeKind) && hasUpstream && !hasFlag(flags, 'UF');
  // Every replica has a slot. What answered without one, in a server's cluster, is a relay.
  if (isToRelay || (isFromReplica && answeredSlot === null)) return { kind: 'relay' };

  const httpMethod = values.word('httpMethod') ?? '';
  const hasRequestId = values.line('id') !== null;
  const method = methodOf(values, httpMethod);
  const notes = answerNotes(values);
  const session = values.line('session');
  // What Envoy or the sidecar answered without trouble upstream is not the replica's doing, even where one had been chosen.
  const slot = isFromReplica || kindOfFlags(flags) !== undefined ? answeredSlot : null;
  return {
    kind: 'outcome',
    outcome: {
      kind: entryKind({
        httpMethod,
        method,
        status,
        flags,
        notes,
        isFromReplica,
        hasSession: session !== null,
        hasRequestId: hasRequestId && method !== 'response',
        contentType: values.line('contentType') ?? '',
        bodyBytes: values.number('bytesSent') ?? 0,
        hasRetryAfter: values.has('retryAfter'),
        givesSession: values.has('givenSession'),
      }),
      server,
      slot,
      backend: slot === null ? null : backendOf(server, slot),
      method,
      tool: method === 'tools/call' ? values.line('name') : null,
      status,
      errorCode: notes.errorCode,
      durationMs: durationMsOf(values),
      startedAtMs: entry.startedAtMs,
      source: 'envoy',
      mode,
      session,
      client: addressKey(values.word('client')),
      ...(isTimeout(flags) && { isTimeout: true }),
      traceId: TRACE.exec(values.line('traceparent') ?? '')?.[1] ?? null,
      permit: values.word('permit'),
    },
  };
}

/** The server and the kind of a route, by its name (`linear/steady`). */
function routeOf(values: EntryValues): { server: string; routeKind: string } {
  const route = values.word('route') ?? '',
    slash = route.indexOf('/');
  return { server: route.slice(0, Math.max(0, slash)), routeKind: route.slice(slash + 1) };
}

/** The JSON-RPC method as the body says it: a header that nobody compared with the body would be the client's word. */
function methodOf(values: EntryValues, httpMethod: string): string {
  if (httpMethod !== 'POST') return httpMethod || 'other';
  return values.line('method') ?? (values.line('id') !== null ? 'response' : 'other');
}

/** Until the first byte of the answer, where that is known: a stream is not slow because it is long. */
function durationMsOf(values: EntryValues): number {
  const answeredUs = values.number('answeredUs');
  return answeredUs === null ? (values.number('durationMs') ?? 0) : answeredUs / 1000;
}

function answerNotes(values: EntryValues): AnswerNotes {
  const errorCode = values.number('code');
  return {
    read: values.word('read') as AnswerRead | null,
    isJsonFailed: values.has('jsonFailed'),
    errorCode: errorCode !== null && Number.isFinite(errorCode) ? errorCode : null,
    isToolError: values.word('isError') === '1',
  };
}
