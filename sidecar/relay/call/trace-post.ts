import { resultLabel } from '../../recovery/result-label.ts';
import type { Recovered } from '../../recovery/recovery-request.ts';
import type { AttemptEnd, AttemptTarget } from '../../tracing/attempt-trace.ts';
import type { RecoveryTrace } from '../../tracing/recovery-trace.ts';
import type { Destination } from './target.ts';
import type { Attempts } from './attempts.ts';
import type { AttemptResult, Finding } from './next-step.ts';
import type { PostCall } from './post-call.ts';

/** Runs one attempt, and tells the trace of it. */
export async function tracedAttempt(
  call: PostCall,
  to: Destination,
  run: () => Promise<AttemptResult>,
): Promise<AttemptResult> {
  const { trace } = call.outcome;
  if (!trace) return run();
  const span = trace.attempt(targetOf(to));
  call.attemptTrace = span;
  const result = await run();
  const atMs = call.ctx.now();
  if (result.is === 'rejected') trace.rejected(result.level, result.key, atMs);
  span.end({ ...endOf(result), atMs });
  return result;
}

const targetOf = (to: Destination): AttemptTarget =>
  to.at === 'neighbour' ? { at: 'neighbour', address: to.address } : { at: 'replica', ...to.target.replica };

function endOf(result: AttemptResult): Omit<AttemptEnd, 'atMs'> {
  switch (result.is) {
    case 'answered': {
      const { status } = result.answer;
      return { error: status >= 400 ? String(status) : null, isFault: false, httpStatus: status };
    }
    case 'streamed':
      return result.end === 'answered' || result.end === 'resumable'
        ? { error: null, isFault: false, httpStatus: 200 }
        : { error: result.end, isFault: true };
    case 'failed':
      return { error: result.code, isFault: true, delivery: result.delivery };
    case 'expired':
      return { error: 'timeout', isFault: true };
    case 'rejected':
    case 'cancelled':
      return { error: result.is, isFault: false };
    case 'crashed':
      return { error: 'internal', isFault: true };
  }
}

/** What a repetition waits for: its pause, and its place in the retry budget. */
export function tracedAttempts({ attempts, ctx, outcome: { trace } }: PostCall): Pick<Attempts, 'admit' | 'release'> {
  if (!trace) return attempts;
  return {
    admit: async (most) => {
      const fromMs = ctx.now();
      const admission = await attempts.admit(most);
      trace.waited('retry budget', fromMs, ctx.now());
      return admission;
    },
    release: () => attempts.release(),
  };
}

/** What a call waits for before its first attempt: its session's record, or a recovery that another request began. */
export function tracedBegin(call: PostCall, begin: () => Finding | Promise<Finding>): Finding | Promise<Finding> {
  const { trace } = call.outcome;
  const fromMs = trace ? call.ctx.now() : 0;
  const began = begin();
  if (!trace || !(began instanceof Promise)) return began;
  return began.then((finding) => {
    trace.waited('session', fromMs, call.ctx.now());
    return finding;
  });
}

export async function tracedRecovery(
  call: { outcome: Pick<PostCall['outcome'], 'trace'>; ctx: Pick<PostCall['ctx'], 'now'> },
  reason: string,
  recover: (trace: RecoveryTrace | null) => Promise<Recovered>,
): Promise<Recovered> {
  const trace = call.outcome.trace?.recovery(reason, call.ctx.now()) ?? null;
  const recovered = await recover(trace);
  trace?.end(resultLabel(recovered), call.ctx.now());
  return recovered;
}
