import { withinMs } from '../../../../proto/within-ms.ts';
import { liveQuery } from '../../client/live-query.ts';
import { bringBack, goneLocation } from '../bring-back.ts';
import { cancelCalls, upstreamSession } from '../../../replica/session-messages.ts';
import { fetchTools } from '../fetch-tools.ts';
import { locateAtOnce, locateByRecord, type Located, type SessionLocation } from '../locate-session.ts';
import { noteAccepted } from '../note-accepted.ts';
import { probeSession, type SessionState } from '../probe-session.ts';
import type { Recovered } from '../../../recovery/recovery-request.ts';
import type { RecoveryReason } from '../../../../proto/recovery-reason.ts';
import type { Destination, WholeAnswer } from '../target.ts';
import type { Finding, RecoverStep, Step } from '../next-step.ts';
import type { PostCall } from '../post-call.ts';
import { tracedRecovery } from '../trace-post.ts';
import type { TargetErrand, Targets } from './targets.ts';

/** An unsafe call's error says whether the session is back; for that the client waits this long at most. */
const ERROR_WAIT_MS = 250;

/** A call on a session: it goes where the session is, which is rebuilt when it is lost. */
export class SessionTargets implements Targets {
  readonly #call: PostCall;
  readonly #digest: string;
  readonly #clientId: string;
  /** Where the session was last. */
  #at: SessionLocation | null = null;

  constructor(call: PostCall, clientId: string, digest: string) {
    this.#call = call;
    this.#clientId = clientId;
    this.#digest = digest;
  }

  begin(): Finding | Promise<Finding> {
    const { ctx, request } = this.#call;
    // While the session moves, its requests wait and then follow it.
    const moving = ctx.recovery.running(request.server, this.#digest);
    return moving ? moving.then(() => this.#locate()) : this.#locate();
  }

  carryOut(errand: TargetErrand): Finding | Promise<Finding> {
    switch (errand.do) {
      case 'ping':
        return this.#ping(errand.suspect, errand.isRefusal);
      case 'recover':
        return this.#recover(errand);
      case 'learn':
        return this.#learn(errand.next);
      case 'elsewhere':
        return { is: 'nowhere', otherwise: errand.otherwise };
    }
  }

  head(status: number): void {
    if (status < 300) noteAccepted(this.#call.ctx, this.#call.view, this.#digest, this.#call.headers);
  }

  keep(): null {
    return null;
  }

  expired(): void {
    const { asked, client, ctx, headers, view } = this.#call;
    const at = this.#at;
    if (!at) return;
    cancelCalls(ctx.upstream, upstreamSession(view.policy, at, headers), asked.pending);
    // The next request of the session finds it elsewhere, if the replica doesn't even answer a ping.
    client.guard(async () => {
      const state = await probeSession(ctx, view.policy, at, headers);
      if (state !== 'alive' && state !== 'uninitialized') await this.#bringBack(at, state);
    });
  }

  #locate(): Finding | Promise<Finding> {
    const { asked, ctx, request, view } = this.#call;
    // An answer to the server's question must know which upstream session asked: that is in the record.
    const wanted = [ctx, view, this.#clientId, this.#digest, request.shown] as const;
    const located = asked.hasAnswers ? null : locateAtOnce(...wanted);
    return located ? this.#judge(located) : locateByRecord(...wanted).then((found) => this.#judge(found));
  }

  #judge(located: Located): Finding {
    const { asked, ctx } = this.#call;
    if (located.kind === 'unknown') return { is: 'unknown' };
    if (located.kind === 'unsure') return { is: 'unsure' };
    if (located.kind === 'at') {
      const to = this.#destination(located.location);
      // A replica that refused a connection just now is asked again only if nobody else can take the session.
      if (ctx.upstream.hasRefused(located.location.replica.address))
        return { is: 'lost', reason: 'unreachable', fallback: to };
      return { is: 'found', to };
    }
    const { reason, record } = located;
    const fallback = located.fallback && this.#destination(located.fallback);
    // Only a request moves a session, and only an idle one leaves a replica that still works.
    const mayStay = !asked.hasRequests || (reason === 'drain' && ctx.calls.of(this.#digest) > 1);
    if (fallback && mayStay) return { is: 'found', to: fallback };
    if (!fallback) this.#destination(goneLocation(record));
    return { is: 'lost', reason, fallback };
  }

  /** Takes note of where the session is. */
  #destination(at: SessionLocation): Destination {
    this.#at = at;
    this.#call.destination = { at: 'session', target: at };
    return this.#call.destination;
  }

  /** Is the session there? Asked with its own version, which the record knows; the client's may be the very thing that is wrong. */
  async #ping(suspect: WholeAnswer | null, isRefusal: boolean): Promise<Finding> {
    const state = await this.#stateOf(isRefusal);
    return { is: 'pinged', state, suspect, isRefusal };
  }

  async #stateOf(isRefusal: boolean): Promise<SessionState> {
    const { ctx, headers, request, view } = this.#call;
    const at = this.#at;
    if (!at) return 'unknown-session';
    if (at.record || !isRefusal) return probeSession(ctx, view.policy, at, headers);
    const found = await ctx.directory.find(request.server, this.#digest);
    if (found.kind !== 'live') return 'unknown-session';
    return probeSession(ctx, view.policy, { ...at, record: found.record }, headers);
  }

  async #recover(step: RecoverStep): Promise<Finding> {
    const at = this.#at;
    if (!at) return { is: 'unknown' };
    const recovering = this.#bringBack(at, step.reason);
    const recovered = step.isForErrorOnly ? await withinMs(ERROR_WAIT_MS, recovering, () => null) : await recovering;
    if (recovered === null) return { is: 'still-recovering' };
    if (recovered.kind === 'refused') {
      const { reason, answer } = recovered;
      if (!step.fallback && step.suspect?.status !== 400) this.#countLoss(reason);
      return { is: 'not-recovered', of: step, reason, ...(answer && { answer }) };
    }
    this.#call.isRecovered = true;
    const { record } = recovered;
    const replica = this.#call.latest.bySlot(record.slot);
    if (!replica) return { is: 'nowhere', otherwise: { do: 'fail', error: 'noReplica' } };
    return { is: 'recovered', to: this.#destination({ replica, upstreamId: record.upstreamId, record }) };
  }

  #bringBack(target: SessionLocation, reason: RecoveryReason): Promise<Recovered> {
    const { ctx, headers, request } = this.#call;
    const query = liveQuery(request.path);
    const { server } = request;
    return tracedRecovery(this.#call, reason, (trace) =>
      bringBack(ctx, { server, digest: this.#digest, target, reason, headers, query, urgency: 'triggered', trace }),
    );
  }

  #countLoss(reason: string): void {
    const { ctx, request, view } = this.#call;
    const isLost =
      reason === 'unknown' || reason === 'capability' || (reason === 'policy' && view.policy.onReplicaLoss !== 'fail');
    if (isLost) ctx.metrics.lost(request.server, reason as 'policy' | 'unknown' | 'capability');
  }

  async #learn(next: Step): Promise<Finding> {
    const { ctx, headers, view } = this.#call;
    if (this.#at) await fetchTools(ctx, view.policy, this.#at, headers);
    return { is: 'learned', next };
  }
}
