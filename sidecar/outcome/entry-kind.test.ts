import test from 'ava';
import type { OutcomeKind } from '../../proto/outcome.ts';
import type { AnswerNotes } from './access-log-entry.ts';
import { entryKind, type EntryFacts } from './entry-kind.ts';

type Changes = Partial<Omit<EntryFacts, 'notes'>> & { notes?: Partial<AnswerNotes> };
const unread: AnswerNotes = { read: null, isJsonFailed: false, errorCode: null, isToolError: false };
function facts({ notes, ...changes }: Changes): EntryFacts {
  return {
    httpMethod: 'POST',
    method: 'tools/call',
    status: 200,
    flags: null,
    hasRequestId: true,
    hasSession: true,
    isFromReplica: true,
    contentType: 'text/event-stream',
    bodyBytes: 100,
    hasRetryAfter: false,
    givesSession: false,
    ...changes,
    notes: { ...unread, ...notes },
  };
}
const json = 'application/json; charset=utf-8';
const events = { read: 'events' as const };
const code = (errorCode: number) => ({ read: 'none' as const, errorCode });

const rows: [description: string, changes: Changes, kind: OutcomeKind][] = [
  ['an event with a result is a success', { notes: events }, 'success'],
  ['isError in an event is a tool error', { notes: { ...events, isToolError: true } }, 'tool_error'],
  ['isError in JSON is a tool error', { contentType: json, notes: { read: 'json', isToolError: true } }, 'tool_error'],
  ['-32603 in HTTP 200 is a server error', { notes: code(-32603) }, 'server_error'],
  ['HTTP 500 is a server error', { status: 500, contentType: json }, 'server_error'],
  ...[-32700, -32600, -32601, -32602, -32020, -32029, -32042, -32002].map((one): [string, Changes, OutcomeKind] => [
    `${one} is a client fault`,
    { notes: code(one) },
    'client_fault',
  ]),
  ['a code of the server’s own making is a protocol error', { notes: code(-32000) }, 'protocol_error'],
  ...[400, 401, 403, 405, 406, 409, 413, 415].map((one): [string, Changes, OutcomeKind] => [
    `HTTP ${one} is a client fault`,
    { status: one, contentType: json },
    'client_fault',
  ]),
  ['HTTP 429 is overload', { status: 429 }, 'overload'],
  ['503 with Retry-After is overload', { status: 503, hasRetryAfter: true }, 'overload'],
  ...[502, 503, 504].map((one): [string, Changes, OutcomeKind] => [
    `HTTP ${one} is a replica fault`,
    { status: one },
    'replica_fault',
  ]),
  ['404 for a session is a lost session', { status: 404, contentType: json }, 'lost_session'],
  ['404 without a session is a client fault', { status: 404, contentType: json, hasSession: false }, 'client_fault'],
  [
    '404 that says unknown method is a client fault',
    { status: 404, notes: { read: 'json', errorCode: -32601 } },
    'client_fault',
  ],
  ['a stream that ends without an answer is a replica fault', { notes: { read: 'none' } }, 'replica_fault'],
  [
    'a stream that a listener asked for may end without an answer',
    { method: 'subscriptions/listen', notes: { read: 'none' } },
    'success',
  ],
  ['events that are not JSON are a replica fault', { notes: { read: 'garbled' } }, 'replica_fault'],
  [
    'a body that is not JSON is a replica fault',
    { contentType: 'text/html', notes: { isJsonFailed: true } },
    'replica_fault',
  ],
  ['an empty answer to a request is a replica fault', { bodyBytes: 0, contentType: '' }, 'replica_fault'],
  ['an event that was too long is unread', { bodyBytes: 3_000_000 }, 'unread'],
  ['JSON that no filter read is unread', { contentType: json }, 'unread'],
  [
    'an initialize that gave a session is a success, read or not',
    { method: 'initialize', contentType: json, givesSession: true },
    'success',
  ],
  ['a notification’s 202 is a success', { status: 202, hasRequestId: false, bodyBytes: 0, contentType: '' }, 'success'],
  [
    'a DELETE’s 200 is a success',
    { httpMethod: 'DELETE', method: 'DELETE', hasRequestId: false, bodyBytes: 0, contentType: '' },
    'success',
  ],
  ['a client that went away has cancelled', { status: 0, isFromReplica: false, flags: 'DC' }, 'cancelled'],
  ['a client that reset its stream has cancelled', { flags: 'DR' }, 'cancelled'],
  ['a client that hangs up after its answer has not cancelled', { flags: 'DC', notes: events }, 'success'],
  ['a client that ends its GET stream has not cancelled', { httpMethod: 'GET', method: 'GET', flags: 'DC' }, 'success'],
  [
    'a refused connection is a replica fault',
    { status: 503, hasRetryAfter: true, isFromReplica: false, flags: 'UF,URX' },
    'replica_fault',
  ],
  [
    'a reset is a replica fault',
    { status: 503, hasRetryAfter: true, isFromReplica: false, flags: 'UC' },
    'replica_fault',
  ],
  ['a stream that the replica cuts is a replica fault', { isFromReplica: false, flags: 'UPE' }, 'replica_fault'],
  ['the last retry’s own answer counts', { status: 404, contentType: json, flags: 'URX' }, 'lost_session'],
  [
    'Envoy’s own limits are overload',
    { status: 503, hasRetryAfter: true, isFromReplica: false, flags: 'UO' },
    'overload',
  ],
  ['a breaker’s refusal is overload', { status: 503, hasRetryAfter: true, isFromReplica: false }, 'overload'],
  [
    'an unknown session that the sidecar refuses is a client fault',
    { status: 404, isFromReplica: false },
    'client_fault',
  ],
  ['a sidecar that can’t be asked is a fault', { status: 500, isFromReplica: false }, 'replica_fault'],
];

for (const [description, changes, kind] of rows)
  test(description, (t) => {
    t.is(entryKind(facts(changes)), kind);
  });
