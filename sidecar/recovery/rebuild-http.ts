import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import { HEADER } from '../../proto/wire.ts';
import type { Answered, ReplicaAnswer } from '../replica/ask.ts';
import type { ReplicaClient } from '../replica/client.ts';
import { abandonSession, sendMessage, upstreamSession } from '../replica/session-messages.ts';
import type { RecoverySteps } from '../tracing/recovery-trace.ts';
import type { LiveRequest } from './recovery-request.ts';
import { judgeInitialize, planRecovery, type InitializeResult, type RecoveryStep } from './recovery-plan.ts';
import type { Rebuilder, Rebuilt } from './rebuilder.ts';

type TryAnother = Extract<Rebuilt, { kind: 'try-another' }>;
/** Where the plan stands: at which upstream session, and until when. */
interface Progress {
  replica: ReplicaEndpoint;
  record: SessionRecord;
  upstreamId: string | null;
  untilMs: number;
}

/** Rebuilds sessions of streamable HTTP, with the headers and the query of the live request. */
export class HttpRebuilder implements Rebuilder {
  readonly #client: Pick<ReplicaClient, 'send'>;
  readonly #policy: ServerPolicy;
  readonly #headers: readonly string[];
  readonly #trace: RecoverySteps | null;
  readonly #now: () => number;

  constructor(
    client: Pick<ReplicaClient, 'send'>,
    policy: ServerPolicy,
    { headers, query = '', trace = null }: LiveRequest,
    now: () => number,
  ) {
    this.#client = client;
    this.#policy = { ...policy, path: policy.path + query };
    this.#headers = headers;
    this.#trace = trace;
    this.#now = now;
  }

  async rebuild(replica: ReplicaEndpoint, record: SessionRecord, leftMs: number): Promise<Rebuilt> {
    const [initialize, ...further] = planRecovery(record);
    const untilMs = this.#now() + leftMs;
    const answer = await this.#say(initialize, { replica, record, upstreamId: null, untilMs });
    const begun = judgeAnswer(answer, initialize, record);
    if (begun.kind !== 'built') return begun;
    for (const step of further) {
      const fault = faultOf(await this.#say(step, { replica, record, upstreamId: begun.upstreamId, untilMs }), step);
      // A level or a subscription that the replica refuses is no reason to lose the session; one that it can't be asked about is.
      if (fault && (step.mustSucceed || fault.why !== 'failed')) return tryAnother(fault, step, begun.upstreamId);
    }
    return begun;
  }

  abandon(replica: ReplicaEndpoint, upstreamId: string, record: SessionRecord): void {
    if (replica.state === 'lost') return;
    abandonSession(this.#client, upstreamSession(this.#policy, { replica, upstreamId, record }, this.#headers));
  }

  async #say(step: RecoveryStep, { replica, record, upstreamId, untilMs }: Progress): Promise<ReplicaAnswer> {
    const leftMs = Math.max(1, untilMs - this.#now());
    const told = this.#trace?.message(step.message.method, replica, this.#now());
    const headers = told?.headers(this.#headers) ?? this.#headers;
    const at = upstreamSession(this.#policy, { replica, upstreamId, record }, headers);
    const timeoutMs = Math.min(leftMs, this.#policy.timeouts.initializeMs);
    const onLate = (late: Answered): void => {
      const lateId = idOf(late);
      if (lateId !== null) this.abandon(replica, lateId, record);
    };
    const answer =
      step.kind === 'initialize'
        ? // What is spoken is known once initialize is answered, and a late answer has begun a session all the same.
          await sendMessage(this.#client, { ...at, protocolVersion: null }, step.message, timeoutMs, { onLate })
        : await sendMessage(this.#client, at, step.message, timeoutMs);
    told?.end(faultOf(answer, step)?.detail ?? null, this.#now());
    return answer;
  }
}

/** What the answer to initialize makes of the session. */
function judgeAnswer(answer: ReplicaAnswer, step: RecoveryStep, record: SessionRecord): Rebuilt {
  const fault = faultOf(answer, step);
  if (answer.kind !== 'answered') return tryAnother(fault ?? UNANSWERED, step, null);
  const { status, headers, body } = answer;
  if (status === 401 || status === 403) return { kind: 'refused', answer: { status, headers, body } };
  const upstreamId = idOf(answer);
  if (fault) return tryAnother(fault, step, upstreamId);
  if (upstreamId === null) return tryAnother({ why: 'capability', detail: 'it has no sessions' }, step, null);
  const verdict = judgeInitialize(record, (answer.rpc?.result ?? {}) as InitializeResult);
  if (verdict.kind === 'same') return { kind: 'built', upstreamId };
  const detail = `its ${verdict.what} is another: ${verdict.missing.join(', ')}`;
  return tryAnother({ why: 'capability', detail }, step, upstreamId);
}

function idOf({ headers }: Answered): string | null {
  const given = headers[HEADER.sessionId];
  return typeof given === 'string' && given !== '' ? given : null;
}

interface Fault {
  why: TryAnother['why'];
  detail: string;
}
const UNANSWERED: Fault = { why: 'timeout', detail: 'no answer in time' };

function faultOf(answer: ReplicaAnswer, step: RecoveryStep): Fault | null {
  if (answer.kind === 'timeout') return UNANSWERED;
  if (answer.kind === 'failed') return { why: 'unreachable', detail: answer.failure.code };
  if (answer.status >= 300) return { why: 'failed', detail: `HTTP ${answer.status}` };
  if (!step.hasAnswer || (answer.rpc && 'result' in answer.rpc)) return null;
  const detail = answer.rpc ? `error ${String(answer.rpc.error?.code)}` : 'the stream ended without an answer';
  return { why: 'failed', detail };
}

const tryAnother = ({ why, detail }: Fault, { message }: RecoveryStep, upstreamId: string | null): TryAnother => ({
  kind: 'try-another',
  why,
  detail: `${message.method}: ${detail}`,
  upstreamId,
});
