import type { DeliveryOutcome } from '../../../proto/rpc-error.ts';
import type { ServerPolicy } from '../../../proto/server-policy.ts';
import type { RecoveryReason } from '../../../proto/recovery-reason.ts';
import type { RefusalReason } from '../../recovery/refusal-reason.ts';
import { errorOfRefusal, type MeshError } from '../client/mesh-errors.ts';
import type { SessionState } from './probe-session.ts';
import type { Destination, WholeAnswer } from './target.ts';
import type { AnswerHint } from './answer-hint.ts';

/** What one attempt came to. What was passed on to the client meanwhile is in the facts. */
export type AttemptResult =
  /** Of this answer the client has heard nothing. */
  | { is: 'answered'; answer: WholeAnswer; hint: AnswerHint }
  /** A stream ended. `resumable`: the server closed it on purpose. `unanswered`: it holds no answer to some request, as an answer that is no JSON-RPC. */
  | { is: 'streamed'; end: 'answered' | 'resumable' | 'unanswered' | 'mid-event' }
  | { is: 'failed'; delivery: DeliveryOutcome; code: string }
  | { is: 'rejected'; level: 'replica' | 'tool'; key: string; retryAfterMs: number }
  | { is: 'expired' | 'cancelled' | 'crashed' };

/** What the table is asked about: an attempt's result, or what came of the step before. */
export type Finding =
  | AttemptResult
  | { is: 'found'; to: Destination; otherwise?: Ending }
  | { is: 'nowhere'; otherwise: Ending }
  /** The session is no longer where its record says. `fallback`: its replica works well enough if no other one can have it. */
  | { is: 'lost'; reason: RecoveryReason; fallback: Destination | null }
  | { is: 'unknown' | 'unsure' }
  | { is: 'pinged'; state: SessionState; suspect: WholeAnswer | null; isRefusal: boolean }
  | { is: 'recovered'; to: Destination }
  | { is: 'still-recovering' }
  | { is: 'not-recovered'; of: RecoverStep; reason: RefusalReason; answer?: WholeAnswer }
  /** The tools that decide whether the call is safe were asked for. */
  | { is: 'learned'; next: Step }
  | { is: 'capped' | 'over-budget'; otherwise?: Ending };

/** The call is over: this is what the client gets. `quiet`: nothing more. */
export type Ending = { do: 'deliver'; answer: WholeAnswer } | { do: 'end' | 'resumable' | 'cut' | 'quiet' } | FailStep;
export interface FailStep {
  do: 'fail';
  error: MeshError;
  /** The breaker that refused it. */
  breaker?: { level: 'replica' | 'tool'; key: string; retryAfterMs: number };
  isCapped?: true;
}
export interface RecoverStep {
  do: 'recover';
  reason: RecoveryReason;
  /** The replica's answer that raised the suspicion. */
  suspect: WholeAnswer | null;
  fallback: Destination | null;
  /** Nothing but the error's text hangs on it: the client does not wait for long. */
  isForErrorOnly: boolean;
}
export type Step =
  /** `otherwise`: the ending, if it must not be sent any more. */
  | { do: 'send'; to: Destination; otherwise?: Ending }
  /** To the same replica. */
  | { do: 'again' }
  | { do: 'elsewhere'; otherwise: Ending }
  | { do: 'neighbour'; otherwise: Ending }
  | { do: 'ping'; suspect: WholeAnswer | null; isRefusal: boolean }
  | RecoverStep
  | { do: 'learn'; next: Step };
export type NextStep = Step | Ending;

export interface Facts {
  /** Where the last attempt went; null before the first. */
  at: Destination['at'] | null;
  /** May all of it be sent again, after all that its attempts came to? */
  isSafe: boolean;
  /** It might be safe, once it is known what its tool says of itself. */
  mightBeSafe: boolean;
  /** Attempts that reached a replica, and those that a breaker refused. */
  attempts: number;
  rejections: number;
  /** A relay that is gone may have sent it to a replica, and none was asked since. */
  isResent: boolean;
  /** All its requests have their answers, on a stream. */
  isComplete: boolean;
  /** The client has heard nothing yet. */
  isFresh: boolean;
  /** The session was rebuilt for this request. */
  isRecovered: boolean;
  /** The client was told the id of a session that this request began, and its replica is gone. */
  isNamed: boolean;
  isInitialize: boolean;
  /** The last attempt's answer was a whole one, and no JSON-RPC. */
  isGarbage?: boolean;
  /** The first replica's refusal, while another one is looked for that holds what the request names. */
  refusal: WholeAnswer | null;
}

const fail = (error: MeshError): FailStep => ({ do: 'fail', error });

/** What happens when an attempt fails, and with every other finding: the one place that decides it. */
export function nextStep(finding: Finding, facts: Facts, policy: Pick<ServerPolicy, 'onReplicaLoss'>): NextStep {
  switch (finding.is) {
    case 'found': {
      const send: Step = { do: 'send', to: finding.to, ...(finding.otherwise && { otherwise: finding.otherwise }) };
      return facts.isResent ? repeat(send, facts) : send;
    }
    case 'nowhere':
      return finding.otherwise;
    case 'lost':
      return recover(finding.reason, facts, { fallback: finding.fallback });
    case 'unknown':
      return fail('sessionNotFound');
    case 'unsure':
      return { do: 'neighbour', otherwise: fail('sessionUnsure') };
    case 'answered':
      return afterAnswer(finding, facts);
    case 'streamed':
      return afterStream(finding.end, facts);
    case 'failed':
      return afterFailure(finding, facts);
    case 'rejected':
      return afterRejection(finding, facts);
    case 'expired':
      return fail('deadline');
    case 'cancelled':
      return { do: 'quiet' };
    case 'crashed':
      return fail('internal');
    case 'pinged':
      return afterPing(finding, facts);
    case 'recovered':
      return repeat({ do: 'send', to: finding.to }, facts);
    case 'still-recovering':
      return lost(facts);
    case 'not-recovered':
      return afterRefusal(finding, facts, policy);
    case 'learned':
      return facts.isSafe && !facts.isNamed ? finding.next : lost(facts);
    case 'capped':
      return isNoReplica(finding.otherwise) ? { do: 'fail', error: 'noReplica', isCapped: true } : finding.otherwise;
    case 'over-budget':
      return finding.otherwise?.do === 'deliver' ? finding.otherwise : fail('overload');
  }
}

const isNoReplica = (ending: Ending | undefined): ending is undefined =>
  ending === undefined || (ending.do === 'fail' && ending.error === 'noReplica');

/** What was sent may only be sent again when that is safe. */
function repeat(next: Step, facts: Facts): NextStep {
  if (facts.isNamed) return lost(facts);
  if (facts.isSafe) return next;
  return facts.mightBeSafe ? { do: 'learn', next } : lost(facts);
}

/** Whoever had it gave no answer, or none that says anything. */
function lost({ isResent, isGarbage }: Pick<Facts, 'isResent' | 'isGarbage'>): FailStep {
  if (isResent) return fail('gatewayLost');
  return fail(isGarbage ? 'badAnswer' : 'replicaLost');
}

function recover(
  reason: RecoveryReason,
  { isSafe, mightBeSafe }: Facts,
  more: Partial<Pick<RecoverStep, 'suspect' | 'fallback'>> = {},
): RecoverStep {
  return { do: 'recover', reason, suspect: null, fallback: null, isForErrorOnly: !isSafe && !mightBeSafe, ...more };
}

function afterAnswer({ answer, hint }: Extract<Finding, { is: 'answered' }>, facts: Facts): NextStep {
  const deliver: Ending = { do: 'deliver', answer };
  switch (hint) {
    case 'plain':
      return deliver;
    case 'unknown-session':
      // Rebuilt once and refused again: that is what the replica says of this request.
      return facts.isRecovered ? deliver : { do: 'ping', suspect: answer, isRefusal: true };
    case 'uninitialized':
      return facts.isRecovered ? deliver : { do: 'ping', suspect: answer, isRefusal: false };
    case 'not-held':
      return { do: 'elsewhere', otherwise: { do: 'deliver', answer: facts.refusal ?? answer } };
    case 'unavailable':
      // The last replica's own answer is as good as the mesh's.
      return facts.isInitialize ? { do: 'elsewhere', otherwise: deliver } : deliver;
  }
}

function afterStream(end: Extract<Finding, { is: 'streamed' }>['end'], facts: Facts): NextStep {
  switch (end) {
    case 'answered':
      return { do: 'end' };
    case 'resumable':
      return { do: 'resumable' };
    case 'mid-event':
      return { do: 'cut' };
    case 'unanswered':
      return afterBreak(facts);
  }
}

/** Codes of failures that are no replica's, and that another attempt would meet again. */
const OVERLOADED = new Set(['HOLDFAST_FULL', 'UND_ERR_INVALID_ARG']);

function afterFailure({ delivery, code }: Extract<Finding, { is: 'failed' }>, facts: Facts): NextStep {
  if (OVERLOADED.has(code)) return fail('overload');
  if (delivery !== 'not_sent') return facts.isComplete && !facts.isFresh ? { do: 'end' } : afterBreak(facts);
  switch (facts.at) {
    case 'session':
      return recover('unreachable', facts);
    case 'neighbour':
      return { do: 'neighbour', otherwise: fail('sessionUnsure') };
    case 'holder':
      // One that refuses connections is gone. One that doesn't answer still holds what the client may ask for again.
      return code === 'ECONNREFUSED' ? { do: 'elsewhere', otherwise: fail('noReplica') } : fail('noReplica');
    default:
      return repeat({ do: 'elsewhere', otherwise: fail('noReplica') }, facts);
  }
}

/** The connection broke, or its stream ended, before the answer. */
function afterBreak(facts: Facts): NextStep {
  switch (facts.at) {
    case 'session':
      // Is it the session that is gone, or only the connection?
      return { do: 'ping', suspect: null, isRefusal: false };
    case 'neighbour':
      return lost(facts);
    case 'holder':
      return facts.attempts > 1 ? lost(facts) : repeat({ do: 'again' }, facts);
    default:
      return repeat({ do: 'elsewhere', otherwise: fail(facts.isGarbage ? 'badAnswer' : 'noReplica') }, facts);
  }
}

function afterRejection(
  { level, key, retryAfterMs }: Extract<Finding, { is: 'rejected' }>,
  { at, rejections, ...facts }: Facts,
): NextStep {
  const refusal: FailStep = { do: 'fail', error: 'breakerOpen', breaker: { level, key, retryAfterMs } };
  if (level === 'tool' || at === 'holder') return refusal;
  if (at !== 'session') return { do: 'elsewhere', otherwise: refusal };
  return rejections > 1 ? refusal : recover('breaker', { at, rejections, ...facts });
}

function afterPing({ state, suspect, isRefusal }: Extract<Finding, { is: 'pinged' }>, facts: Facts): NextStep {
  if (suspect === null) return state === 'alive' ? repeat({ do: 'again' }, facts) : recover(state, facts);
  // Clients can put words into an error's text: only the replica itself says what it knows.
  const isLost = isRefusal ? state !== 'alive' : state === 'uninitialized';
  return isLost ? recover(state as RecoveryReason, facts, { suspect }) : { do: 'deliver', answer: suspect };
}

function afterRefusal(
  { of: { reason: why, suspect, fallback }, reason, answer }: Extract<Finding, { is: 'not-recovered' }>,
  facts: Facts,
  { onReplicaLoss }: Pick<ServerPolicy, 'onReplicaLoss'>,
): NextStep {
  if (fallback) return { do: 'send', to: fallback };
  if (reason === 'unauthorized' && answer && facts.isFresh) return { do: 'deliver', answer };
  // A 400 with session words about a session that the mesh doesn't know either is the replica's own affair.
  if (reason === 'unknown' && suspect?.status === 400 && facts.isFresh) return { do: 'deliver', answer: suspect };
  const error = why === 'breaker' ? 'breakerOpen' : errorOfRefusal(reason, onReplicaLoss);
  return reason === 'unsure' && facts.isSafe ? { do: 'neighbour', otherwise: fail(error) } : fail(error);
}
