import type { IncomingHttpHeaders } from 'node:http';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import { HEADER } from '../../proto/wire.ts';
import type { ReplicaAnswer } from '../replica/ask.ts';
import { sendMessage, upstreamSession } from '../replica/session-messages.ts';
import { judgeInitialize, planRecovery, type InitializeResult, type RecoveryStep } from './recovery-plan.ts';
import type { ReplicaClient } from '../replica/client.ts';

export type Rebuilt =
  | { kind: 'built'; upstreamId: string }
  /** This replica can't have it; another may. `upstreamId` is what must be deleted there. */
  | {
      kind: 'try-another';
      why: 'unreachable' | 'timeout' | 'capability' | 'failed';
      detail: string;
      upstreamId: string | null;
    }
  /** No replica would: the client must see this answer (401, 403). */
  | { kind: 'refused'; status: number; headers: IncomingHttpHeaders; body: Buffer };

export interface RebuildOn {
  replica: ReplicaEndpoint;
  record: SessionRecord;
  policy: ServerPolicy;
  headers: readonly string[];
  deadlineMs: number;
  now: () => number;
}

/** Carries the recovery plan out on one replica. */
export async function rebuildSession(upstream: Pick<ReplicaClient, 'send'>, on: RebuildOn): Promise<Rebuilt> {
  let upstreamId: string | null = null;
  for (const step of planRecovery(on.record)) {
    const answer = await say(upstream, on, step, upstreamId);
    const fault = faultOf(answer, step);
    if (step.kind === 'initialize' && answer.kind === 'answered') {
      if (answer.status === 401 || answer.status === 403)
        return { kind: 'refused', status: answer.status, headers: answer.headers, body: answer.body };
      const given = answer.headers[HEADER.sessionId];
      upstreamId = typeof given === 'string' && given !== '' ? given : null;
      if (!fault) {
        if (upstreamId === null)
          return { kind: 'try-another', why: 'capability', detail: 'it has no sessions', upstreamId };
        const verdict = judgeInitialize(on.record, (answer.rpc?.result ?? {}) as InitializeResult);
        if (verdict.kind === 'differs')
          return {
            kind: 'try-another',
            why: 'capability',
            detail: `its ${verdict.what} is another: ${verdict.missing.join(', ')}`,
            upstreamId,
          };
        continue;
      }
    }
    // A level or a subscription that the replica refuses is no reason to lose the session; one that it can't be asked about is.
    if (fault && (step.mustSucceed || answer.kind !== 'answered'))
      return { kind: 'try-another', why: fault.why, detail: `${step.message.method}: ${fault.detail}`, upstreamId };
  }
  return { kind: 'built', upstreamId: upstreamId! };
}

function say(
  upstream: Pick<ReplicaClient, 'send'>,
  { replica, record, policy, headers, deadlineMs, now }: RebuildOn,
  step: RecoveryStep,
  upstreamId: string | null,
): Promise<ReplicaAnswer> {
  const leftMs = Math.max(1, deadlineMs - now());
  // What is spoken is known once initialize is answered.
  const protocolVersion = step.kind === 'initialize' ? null : record.protocolVersion;
  const session = { ...upstreamSession(policy, { replica, upstreamId, record }, headers), protocolVersion };
  return sendMessage(upstream, session, step.message, Math.min(leftMs, policy.timeouts.initializeMs));
}

function faultOf(
  answer: ReplicaAnswer,
  step: RecoveryStep,
): { why: 'unreachable' | 'timeout' | 'failed'; detail: string } | null {
  if (answer.kind === 'timeout') return { why: 'timeout', detail: 'no answer in time' };
  if (answer.kind === 'failed') return { why: 'unreachable', detail: answer.failure.code };
  if (answer.status >= 300) return { why: 'failed', detail: `HTTP ${answer.status}` };
  if (!step.hasAnswer) return null;
  if (!answer.rpc || !('result' in answer.rpc))
    return {
      why: 'failed',
      detail: answer.rpc ? `error ${String(answer.rpc.error?.code)}` : 'the stream ended without an answer',
    };
  return null;
}
