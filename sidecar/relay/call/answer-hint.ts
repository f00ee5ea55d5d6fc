import { messagesOf, readRpcBody } from '../../../proto/json-rpc.ts';
import { SESSION_WORDS, UNINITIALIZED } from './probe-session.ts';
import type { Destination, WholeAnswer } from './target.ts';

/**
 * What an answer may mean beside what it says. `unknown-session`, `uninitialized`: the session is lost, or only this request is wrong. `not-held`: this
 * replica does not hold what the request names. `unavailable`: the replica says that it can't serve.
 */
export type AnswerHint = 'plain' | 'unknown-session' | 'uninitialized' | 'not-held' | 'unavailable';

const INVALID_PARAMS = -32602;
/** The answer of a session that was never initialized is shorter than this. */
const MAX_HINT_BYTES = 1024;
const MAX_WORDS_BYTES = 4096;

/** Of a complete answer. */
export function hintOfAnswer(
  at: Destination['at'],
  { status, body }: Pick<WholeAnswer, 'status' | 'body'>,
): AnswerHint {
  if (at === 'session') {
    if (status === 404) return 'unknown-session';
    if (status === 400 && SESSION_WORDS.test(body.toString('latin1', 0, MAX_WORDS_BYTES))) return 'unknown-session';
    return status === 200 ? hintOfData(at, body) : 'plain';
  }
  if (at === 'seek' && isInvalidParams(body)) return 'not-held';
  return at !== 'neighbour' && status >= 502 && status <= 504 ? 'unavailable' : 'plain';
}

/** Of the data of an event. */
export function hintOfData(at: Destination['at'], data: Buffer): AnswerHint {
  if (at === 'seek') return isInvalidParams(data) ? 'not-held' : 'plain';
  if (at !== 'session' || data.length >= MAX_HINT_BYTES || !data.includes(UNINITIALIZED.message)) return 'plain';
  const answers = messagesOf(readRpcBody(data));
  return answers.length === 1 && answers[0]?.errorCode === UNINITIALIZED.code ? 'uninitialized' : 'plain';
}

/** A replica that answers so to a task, state or handle has done nothing. */
export const isInvalidParams = (data: Buffer): boolean =>
  messagesOf(readRpcBody(data)).some(({ kind, errorCode }) => kind === 'response' && errorCode === INVALID_PARAMS);
