import test from 'ava';
import type { Facts, Finding, NextStep } from './next-step.ts';
import { nextStep } from './next-step.ts';
import type { Destination } from './target.ts';

const facts = (changed: Partial<Facts> = {}): Facts => ({
  at: 'session',
  isSafe: true,
  mightBeSafe: false,
  attempts: 1,
  rejections: 0,
  isResent: false,
  isComplete: false,
  isFresh: true,
  isRecovered: false,
  isNamed: false,
  isInitialize: false,
  refusal: null,
  ...changed,
});
const after = (finding: Finding, changed: Partial<Facts> = {}, onReplicaLoss: 'recover' | 'fail' = 'recover') =>
  nextStep(finding, facts(changed), { onReplicaLoss });
/** What the table says, in short. */
const told = (step: NextStep): string => {
  switch (step.do) {
    case 'fail':
      return `fail ${step.error}${step.isCapped ? ' capped' : ''}`;
    case 'recover':
      return `recover ${step.reason}${step.isForErrorOnly ? ' for the error only' : ''}`;
    case 'elsewhere':
    case 'neighbour':
      return `${step.do}, or ${told(step.otherwise)}`;
    case 'learn':
      return `learn, then ${told(step.next)}`;
    case 'deliver':
      return `deliver ${step.answer.status}`;
    case 'send':
      return `send to ${step.to.at}`;
    default:
      return step.do;
  }
};

const replica = { server: 's', replica: 'r', backend: 'b', slot: '1', address: 'a', isSteady: true, weight: 1 };
const target = { replica: { ...replica, state: 'active' as const }, upstreamId: 'u', record: null };
const session: Destination = { at: 'session', target };
const whole = (status: number) => ({ status, headers: {}, body: Buffer.from('{}') });
const answered = (status: number, hint: Extract<Finding, { is: 'answered' }>['hint'] = 'plain'): Finding => ({
  is: 'answered',
  answer: whole(status),
  hint,
});
const unsent: Finding = { is: 'failed', delivery: 'not_sent', code: 'UND_ERR_CONNECT_TIMEOUT' };
const refused: Finding = { is: 'failed', delivery: 'not_sent', code: 'ECONNREFUSED' };
const broken: Finding = { is: 'failed', delivery: 'sent_no_response', code: 'UND_ERR_SOCKET' };
const unanswered: Finding = { is: 'streamed', end: 'unanswered' };
const rejected: Finding = { is: 'rejected', level: 'replica', key: 'k', retryAfterMs: 1 };
const recovery = {
  do: 'recover',
  reason: 'unreachable',
  suspect: null,
  fallback: null,
  isForErrorOnly: false,
} as const;
const UNSAFE = { isSafe: false };
const UNKNOWN = { ...UNSAFE, mightBeSafe: true };
const everywhere = ['session', 'replica', 'holder', 'seek', 'neighbour'] as const;

/** A row: what was found, under which facts, and what happens then. */
type Row = [what: string, finding: Finding, changed: Partial<Facts>, then: string];
const rows: Row[] = [
  // Where it goes.
  ['a place is found', { is: 'found', to: session }, { at: null }, 'send to session'],
  ['no session has this id', { is: 'unknown' }, { at: null }, 'fail sessionNotFound'],
  ['nobody here can tell', { is: 'unsure' }, { at: null }, 'neighbour, or fail sessionUnsure'],
  ['its replica is gone', { is: 'lost', reason: 'drain', fallback: null }, {}, 'recover drain'],
  ['nobody is left', { is: 'nowhere', otherwise: { do: 'fail', error: 'noReplica' } }, {}, 'fail noReplica'],
  // Another relay had it before, and is gone.
  ['resent, safe', { is: 'found', to: session }, { isResent: true }, 'send to session'],
  ['resent, unsafe', { is: 'found', to: session }, { isResent: true, ...UNSAFE }, 'fail gatewayLost'],
  ['resent, unknown', { is: 'found', to: session }, { isResent: true, ...UNKNOWN }, 'learn, then send to session'],
  [
    'resent, and known to be unsafe by now',
    { is: 'learned', next: { do: 'again' } },
    { isResent: true, ...UNSAFE },
    'fail gatewayLost',
  ],
  // Answers.
  ['an answer', answered(200), {}, 'deliver 200'],
  ['404 on a session', answered(404, 'unknown-session'), {}, 'ping'],
  ['404 again after a recovery', answered(404, 'unknown-session'), { isRecovered: true }, 'deliver 404'],
  ['-32602 as of no session', answered(200, 'uninitialized'), {}, 'ping'],
  ['-32602 again after a recovery', answered(200, 'uninitialized'), { isRecovered: true }, 'deliver 200'],
  ['not held here', answered(200, 'not-held'), { at: 'seek' }, 'elsewhere, or deliver 200'],
  [
    'the first refusal stands',
    answered(200, 'not-held'),
    { at: 'seek', refusal: whole(299) },
    'elsewhere, or deliver 299',
  ],
  [
    '503 to initialize',
    answered(503, 'unavailable'),
    { at: 'replica', isInitialize: true },
    'elsewhere, or deliver 503',
  ],
  ['503 to a call', answered(503, 'unavailable'), { at: 'replica' }, 'deliver 503'],
  // Streams.
  ['a stream with all answers', { is: 'streamed', end: 'answered' }, {}, 'end'],
  ['a stream closed to be resumed', { is: 'streamed', end: 'resumable' }, {}, 'resumable'],
  ['a stream that ends within an event', { is: 'streamed', end: 'mid-event' }, {}, 'cut'],
  // The connection broke, or the stream ended, before the answer.
  ['broken on a session', broken, UNSAFE, 'ping'],
  ['unanswered on a session', unanswered, UNSAFE, 'ping'],
  ['broken after all answers', broken, { ...UNSAFE, isComplete: true, isFresh: false }, 'end'],
  ['broken at any replica, safe', broken, { at: 'replica' }, 'elsewhere, or fail noReplica'],
  ['broken at any replica, unsafe', broken, { at: 'replica', ...UNSAFE }, 'fail replicaLost'],
  ['broken at any replica, unknown', broken, { at: 'replica', ...UNKNOWN }, 'learn, then elsewhere, or fail noReplica'],
  ['broken within initialize', broken, { at: 'replica', isNamed: true }, 'fail replicaLost'],
  ['broken while a holder is sought', unanswered, { at: 'seek' }, 'elsewhere, or fail noReplica'],
  ['broken at the holder, safe', broken, { at: 'holder' }, 'again'],
  ['broken at the holder again', broken, { at: 'holder', attempts: 2 }, 'fail replicaLost'],
  ['broken at the holder, unsafe', broken, { at: 'holder', ...UNSAFE }, 'fail replicaLost'],
  ['broken at the holder, unknown', broken, { at: 'holder', ...UNKNOWN }, 'learn, then again'],
  ['no JSON-RPC on a session', unanswered, { ...UNSAFE, isGarbage: true }, 'ping'],
  ['no JSON-RPC, unsafe', unanswered, { at: 'replica', ...UNSAFE, isGarbage: true }, 'fail badAnswer'],
  ['no JSON-RPC, safe', unanswered, { at: 'replica', isGarbage: true }, 'elsewhere, or fail badAnswer'],
  ['broken at a neighbour', broken, { at: 'neighbour' }, 'fail replicaLost'],
  // It could not be reached.
  ['unreachable session', unsent, {}, 'recover unreachable'],
  ['unreachable replica', unsent, { at: 'replica' }, 'elsewhere, or fail noReplica'],
  ['unreachable after an unsafe attempt', unsent, { at: 'replica', ...UNSAFE }, 'fail replicaLost'],
  ['a holder that is gone', refused, { at: 'holder' }, 'elsewhere, or fail noReplica'],
  ['a holder that does not answer', unsent, { at: 'holder' }, 'fail noReplica'],
  ['unreachable neighbour', unsent, { at: 'neighbour' }, 'neighbour, or fail sessionUnsure'],
  // Breakers.
  ['breaker of a session’s replica', rejected, { attempts: 0, rejections: 1 }, 'recover breaker'],
  ['breaker of the next replica too', rejected, { attempts: 0, rejections: 2 }, 'fail breakerOpen'],
  ['breaker of any replica', rejected, { at: 'replica' }, 'elsewhere, or fail breakerOpen'],
  ['breaker of the holder', rejected, { at: 'holder' }, 'fail breakerOpen'],
  ['breaker of a tool', { ...rejected, level: 'tool' }, {}, 'fail breakerOpen'],
  // A ping.
  ['the session lives, safe', { is: 'pinged', state: 'alive', suspect: null, isRefusal: false }, {}, 'again'],
  [
    'the session lives, unsafe',
    { is: 'pinged', state: 'alive', suspect: null, isRefusal: false },
    UNSAFE,
    'fail replicaLost',
  ],
  [
    'the session lives, unknown',
    { is: 'pinged', state: 'alive', suspect: null, isRefusal: false },
    UNKNOWN,
    'learn, then again',
  ],
  [
    'its replica is gone',
    { is: 'pinged', state: 'unreachable', suspect: null, isRefusal: false },
    {},
    'recover unreachable',
  ],
  [
    'gone under an unsafe call',
    { is: 'pinged', state: 'hanging', suspect: null, isRefusal: false },
    UNSAFE,
    'recover hanging for the error only',
  ],
  [
    'gone under an unknown call',
    { is: 'pinged', state: 'hanging', suspect: null, isRefusal: false },
    UNKNOWN,
    'recover hanging',
  ],
  [
    '404 of a session that lives',
    { is: 'pinged', state: 'alive', suspect: whole(404), isRefusal: true },
    {},
    'deliver 404',
  ],
  [
    '404 of a lost session',
    { is: 'pinged', state: 'unknown-session', suspect: whole(404), isRefusal: true },
    {},
    'recover unknown-session',
  ],
  [
    '-32602 of a lost session',
    { is: 'pinged', state: 'uninitialized', suspect: whole(200), isRefusal: false },
    {},
    'recover uninitialized',
  ],
  [
    '-32602 of wrong parameters',
    { is: 'pinged', state: 'unreachable', suspect: whole(200), isRefusal: false },
    {},
    'deliver 200',
  ],
  // A recovery.
  ['recovered, safe', { is: 'recovered', to: session }, {}, 'send to session'],
  ['recovered, unsafe', { is: 'recovered', to: session }, UNSAFE, 'fail replicaLost'],
  ['recovered, unknown', { is: 'recovered', to: session }, UNKNOWN, 'learn, then send to session'],
  ['recovered too late for the error', { is: 'still-recovering' }, UNSAFE, 'fail replicaLost'],
  [
    'refused, and it may stay',
    { is: 'not-recovered', of: { ...recovery, fallback: session }, reason: 'timeout' },
    {},
    'send to session',
  ],
  [
    'refused by the replica',
    { is: 'not-recovered', of: recovery, reason: 'unauthorized', answer: whole(401) },
    {},
    'deliver 401',
  ],
  [
    'refused on an open stream',
    { is: 'not-recovered', of: recovery, reason: 'unauthorized', answer: whole(401) },
    { isFresh: false },
    'fail recoveryRefused',
  ],
  [
    '400 about no session of the mesh',
    { is: 'not-recovered', of: { ...recovery, suspect: whole(400) }, reason: 'unknown' },
    {},
    'deliver 400',
  ],
  [
    '404 about no session of the mesh',
    { is: 'not-recovered', of: { ...recovery, suspect: whole(404) }, reason: 'unknown' },
    {},
    'fail sessionNotFound',
  ],
  [
    'the store is away',
    { is: 'not-recovered', of: recovery, reason: 'unsure' },
    {},
    'neighbour, or fail sessionUnsure',
  ],
  [
    'the store is away, and it is not safe',
    { is: 'not-recovered', of: recovery, reason: 'unsure' },
    UNSAFE,
    'fail sessionUnsure',
  ],
  [
    'not recovered from a breaker',
    { is: 'not-recovered', of: { ...recovery, reason: 'breaker' }, reason: 'no-replica' },
    {},
    'fail breakerOpen',
  ],
  // Tools.
  ['the tool is safe', { is: 'learned', next: { do: 'again' } }, {}, 'again'],
  ['the tool is not', { is: 'learned', next: { do: 'again' } }, UNSAFE, 'fail replicaLost'],
  // Limits.
  ['too many attempts', { is: 'capped' }, {}, 'fail noReplica capped'],
  [
    'too many, and a breaker said why',
    { is: 'capped', otherwise: { do: 'fail', error: 'breakerOpen' } },
    {},
    'fail breakerOpen',
  ],
  [
    'too many, and there is an answer',
    { is: 'capped', otherwise: { do: 'deliver', answer: whole(200) } },
    {},
    'deliver 200',
  ],
  ['no place in the budget', { is: 'over-budget' }, {}, 'fail overload'],
  [
    'no place, and there is an answer',
    { is: 'over-budget', otherwise: { do: 'deliver', answer: whole(200) } },
    {},
    'deliver 200',
  ],
];
for (const [index, [what, finding, changed, then]] of rows.entries())
  test(`${index + 1}. ${what}: ${then}`, (t) => t.is(told(after(finding, changed)), then));

for (const at of everywhere) {
  test(`at ${at}: deadline, crash, a client that went away, and what no replica is to blame for`, (t) => {
    t.is(told(after({ is: 'expired' }, { at })), 'fail deadline');
    t.is(told(after({ is: 'crashed' }, { at })), 'fail internal');
    t.is(told(after({ is: 'cancelled' }, { at })), 'quiet');
    for (const code of ['HOLDFAST_FULL', 'UND_ERR_INVALID_ARG'])
      t.is(told(after({ is: 'failed', delivery: 'not_sent', code }, { at })), 'fail overload');
  });

  test(`at ${at}: what may have run, and is not safe, is never sent again`, (t) => {
    for (const finding of [broken, unanswered, unsent, refused, rejected])
      t.notRegex(
        told(after(finding, { at, ...UNSAFE })),
        at === 'holder' || at === 'neighbour' || finding === rejected ? /again|send/ : /again|send|elsewhere/,
      );
  });
}

test('a server that wants its sessions to fail gets its own error', (t) => {
  const finding: Finding = { is: 'not-recovered', of: recovery, reason: 'policy' };
  t.is(told(after(finding, {}, 'fail')), 'fail noReplica');
});
