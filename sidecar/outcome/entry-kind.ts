import { isEventStream } from '../../proto/http/answer-form.ts';
import type { OutcomeKind } from '../../proto/outcome.ts';
import { answerKind } from '../relay/call/answer-kind.ts';
import type { AnswerNotes } from './access-log-entry.ts';
import { kindOfFlags } from './response-flags.ts';

export interface EntryFacts {
  httpMethod: string;
  method: string;
  status: number;
  /** Envoy's response flags, by their short names and parted by commas; null when there are none. */
  flags: string | null;
  notes: AnswerNotes;
  /** The request had an id, so it must be answered. */
  hasRequestId: boolean;
  hasSession: boolean;
  /** A replica (not Envoy or the sidecar) answered. */
  isFromReplica: boolean;
  contentType: string;
  bodyBytes: number;
  hasRetryAfter: boolean;
  /** The answer gives a session id. */
  givesSession: boolean;
}

/** What one request that Envoy carried by itself came to. Answers that nobody read are `unread`, never guessed. */
export function entryKind(facts: EntryFacts): OutcomeKind {
  const { flags, notes, status, httpMethod, hasSession, isFromReplica } = facts;
  const isAnswered = notes.errorCode !== null || notes.read === 'events' || notes.read === 'json';
  const flagged = kindOfFlags(flags);
  // A client that hangs up after it got its answer, or ends its own GET stream, has cancelled nothing.
  if (flagged === 'cancelled' && (isAnswered || (httpMethod === 'GET' && status === 200)))
    return isAnswered ? ofAnswer(facts) : 'success';
  if (flagged !== undefined && flagged !== 'answer') return flagged;
  if (!isFromReplica) return ofLocalReply(facts);
  if (status === 404 && hasSession && notes.errorCode !== -32601) return 'lost_session';
  if (status === 0) return 'replica_fault';
  if (status >= 300 || httpMethod !== 'POST' || status === 202 || status === 204) return ofAnswer(facts);
  return ofBody(facts);
}

const ofAnswer = ({ status, notes, hasRetryAfter }: EntryFacts): OutcomeKind =>
  answerKind({ status, errorCode: notes.errorCode, isToolError: notes.isToolError, hasRetryAfter });

/** Answered by Envoy or by the sidecar's decision, so no replica is to blame. */
function ofLocalReply({ status, hasRetryAfter }: EntryFacts): OutcomeKind {
  if (status === 429 || (status >= 500 && hasRetryAfter)) return 'overload';
  if (status >= 500 || status === 0) return 'replica_fault';
  return status >= 400 ? 'client_fault' : 'success';
}

/** A POST that was answered well, as far as HTTP knows. */
function ofBody(facts: EntryFacts): OutcomeKind {
  const { notes, contentType, bodyBytes, hasRequestId, method } = facts;
  if (notes.errorCode !== null || notes.read === 'json' || notes.read === 'events') return ofAnswer(facts);
  // The session id in the answer proves it; JSON is not read by default, and most servers' initialize is JSON.
  if (method === 'initialize' && facts.givesSession) return 'success';
  const isEvents = isEventStream(contentType);
  if (isEvents && notes.read === 'garbled') return 'replica_fault';
  // The stream came to its end and no event of it answered; a listener's stream has nothing to answer.
  if (isEvents && notes.read === 'none')
    return method === 'subscriptions/listen' || !hasRequestId ? 'success' : 'replica_fault';
  if (!hasRequestId && bodyBytes === 0) return 'success';
  if (hasRequestId && (bodyBytes === 0 || (notes.isJsonFailed && !isEvents))) return 'replica_fault';
  return 'unread';
}
