import type { IncomingHttpHeaders } from 'node:http';
import { messagesOf, readRpcBody } from '../../proto/json-rpc.ts';
import type { DeliveryOutcome } from '../../proto/rpc-error.ts';
import type { SseEvent } from '../../proto/sse-reader.ts';
import type { RecoveryReason } from '../metrics/session-metrics.ts';
import type { Recovered } from '../recovery/recovery.ts';
import { cancelUpstream } from './cancel-upstream.ts';
import { Exchange } from './exchange.ts';
import type { Target, WholeAnswer } from './target.ts';
import { fetchTools } from './fetch-tools.ts';
import { liveQuery } from './live-query.ts';
import { locateAtOnce, locateByRecord, type Located } from './locate-session.ts';
import { errorOfRefusal, type MeshError } from './mesh-errors.ts';
import { noteAccepted } from './note-accepted.ts';
import { probeSession, SESSION_WORDS, UNINITIALIZED } from './probe-session.ts';
import { unstampAnswers } from './server-request-ids.ts';

/** An unsafe call's error says whether the session is back; for that the client waits this long at most. */
const ERROR_PATIENCE_MS = 250;

interface RelocateOptions {
  stay?: Target | null;
  original?: WholeAnswer;
  refusal?: MeshError;
}

/** A POST on a session: goes where the session lives, has it rebuilt when it is lost, and is sent again when that is safe. */
export class SessionExchange extends Exchange {
  #isSuspecting = false;
  #hasSkipped = false;

  run(): void {
    // Who comes while the session moves goes where it goes.
    const moving = this.ctx.recovery.running(this.request.server, this.request.digest!);
    if (moving) return this.client.guard(() => moving.then(() => (this.isOver ? undefined : this.#start())));
    this.#start();
  }

  #start(): void {
    // An answer to the server's question must know which life asked: that is in the record.
    const located = this.asked.hasAnswers
      ? null
      : locateAtOnce(this.ctx, this.view, this.request.clientId!, this.request.digest!, this.request.shown);
    if (located?.kind === 'at') return this.send(located.lodging);
    this.client.guard(() => this.#locate(located));
  }

  async #locate(known: Located | null): Promise<void> {
    const digest = this.request.digest!,
      located =
        known ?? (await locateByRecord(this.ctx, this.view, this.request.clientId!, digest, this.request.shown));
    if (this.isOver) return;
    if (located.kind === 'unknown') return this.fail('sessionNotFound', 'not_sent');
    if (located.kind === 'unsure') return this.toNeighbour() ? undefined : this.fail('recoveryFailed', 'not_sent');
    if (located.kind === 'at') return this.send(located.lodging);
    // Only a request moves a session, and only an idle one leaves a replica that still works.
    if (located.stay && (!this.asked.hasRequests || (located.reason === 'drain' && this.ctx.calls.of(digest) > 1)))
      return this.send(located.stay);
    this.target = located.stay ?? {
      replica: { ...GONE, server: this.request.server, slot: located.record.slot },
      upstreamId: located.record.upstreamId,
      record: located.record,
    };
    return this.#relocate(located.reason, 'not_sent', { stay: located.stay });
  }

  protected override send(target: Target): void {
    const epoch = target.record?.epoch ?? 0;
    if (epoch > 0 && this.view.policy.guard.length === 2 && this.asked.hasAnswers) {
      const body = unstampAnswers(this.body, epoch);
      if (body === null) return this.isOver ? undefined : this.accept();
      this.body = body;
    }
    if (this.attempts === 0 && !this.#hasSkipped && this.ctx.refusals.has(target.replica.address, this.ctx.now())) {
      this.#hasSkipped = true;
      this.target = target;
      // It may be back, if nobody else can take the session.
      return this.client.guard(() => this.#relocate('unreachable', 'not_sent', { stay: target }));
    }
    super.send(target);
  }

  override onSse(status: number, headers: IncomingHttpHeaders): void {
    this.#accepted(status);
    super.onSse(status, headers);
  }

  protected override deliver(answer: WholeAnswer): void {
    this.#accepted(answer.status);
    super.deliver(answer);
  }

  #accepted(status: number): void {
    const { digest } = this.request;
    if (status < 300 && digest !== null && !this.isHandedOver) noteAccepted(this.ctx, this.view, digest, this.headers);
  }

  protected unreachable(): void {
    if (!this.isHandedOver) return this.client.guard(() => this.#relocate('unreachable', 'not_sent'));
    if (!this.toNeighbour()) this.fail('recoveryFailed', 'not_sent');
  }

  protected rejected(retryAfterMs: number): void {
    if (this.attempts > 1) return this.failOpen(retryAfterMs);
    this.client.guard(() => this.#relocate('breaker', 'not_sent', { refusal: 'breakerOpen' }));
  }

  override onEvent(event: SseEvent): void {
    if (this.#isSuspecting) return;
    if (
      !this.isHandedOver &&
      event.data !== null &&
      event.data.length < 1024 &&
      event.data.includes(UNINITIALIZED.message) &&
      this.#seemsUninitialized(event.data)
    ) {
      this.#isSuspecting = true;
      this.call?.abort();
      this.call = null;
      const answer = { status: 200, headers: {}, body: event.data };
      return this.client.guard(() => this.#suspect(answer));
    }
    super.onEvent(event);
  }

  #seemsUninitialized(data: Buffer): boolean {
    const answers = messagesOf(readRpcBody(data));
    return answers.length === 1 && answers[0]!.errorCode === UNINITIALIZED.code && this.attempts < this.maxAttempts;
  }

  protected judges(answer: WholeAnswer): boolean {
    const { status, body } = answer;
    if (this.isHandedOver) return false;
    if (status === 404 || (status === 400 && SESSION_WORDS.test(body.toString('latin1', 0, 4096)))) {
      // Rebuilt once and refused again: that is what the replica says of this request.
      if (this.isRecovered) return false;
      this.client.guard(() => this.#suspectLost(answer));
      return true;
    }
    if (status !== 200 || !body.includes(UNINITIALIZED.message) || !this.#seemsUninitialized(body)) return false;
    this.client.guard(() => this.#suspect(answer));
    return true;
  }

  /**
   * Does the replica not know the session, or only this request? Clients can put words into an error's text, and a rebuilt session costs many
   * requests, so the replica is asked first: with a ping of the session's own version, not of the client's.
   */
  async #suspectLost(answer: WholeAnswer): Promise<void> {
    const { server, digest } = this.request;
    const suspected = this.target;
    if (suspected === null || digest === null) return this.deliver(answer);
    const found = suspected.record ? null : await this.ctx.directory.find(server, digest);
    const record = found?.kind === 'live' ? found.record : suspected.record;
    const state =
      record === null
        ? 'unknown-session'
        : await probeSession(this.ctx, this.view.policy, { ...suspected, record }, this.headers);
    if (this.isOver) return undefined;
    return state === 'alive' ? this.deliver(answer) : this.#relocate(state, 'not_sent', { original: answer });
  }

  /** Bad parameters, or a session that was never initialized? */
  async #suspect(answer: WholeAnswer): Promise<void> {
    const state = await probeSession(this.ctx, this.view.policy, this.target!, this.headers);
    this.#isSuspecting = false;
    if (this.isOver) return;
    if (state === 'uninitialized') return this.#relocate('uninitialized', 'not_sent', { original: answer });
    this.deliver(answer);
  }

  /** Is it the session that is gone, or only the connection? */
  protected broken(): void {
    this.deadline.stop();
    if (this.isHandedOver) return this.fail('replicaLost', this.delivery);
    const { delivery } = this;
    this.client.guard(async () => {
      const state = await probeSession(this.ctx, this.view.policy, this.target!, this.headers);
      if (this.isOver) return undefined;
      if (state !== 'alive') return this.#relocate(state, delivery);
      return this.asked.isSafe(delivery, this.view.policy)
        ? this.resend(this.target!, delivery)
        : this.fail('replicaLost', delivery);
    });
  }

  async #relocate(reason: RecoveryReason, delivery: DeliveryOutcome, options: RelocateOptions = {}): Promise<void> {
    this.deadline.stop();
    const { server } = this.request,
      { policy } = this.view;
    if (reason === 'unreachable' || reason === 'unknown-session' || reason === 'hanging')
      this.ctx.report({ server, slot: this.target!.replica.slot, kind: reason });
    const recovering = this.#recover(reason);
    if (!this.asked.isSafe(delivery, policy) && !this.asked.mightBecomeSafe(policy)) {
      const settled = await Promise.race([
        recovering,
        new Promise<null>((resolve) => setTimeout(resolve, ERROR_PATIENCE_MS, null)),
      ]);
      this.isRecovered = settled?.kind === 'recovered';
      return this.fail('replicaLost', delivery);
    }
    const recovered = await recovering;
    if (this.isOver) return;
    if (recovered.kind === 'refused')
      return options.stay ? this.send(options.stay) : this.#refused(recovered, delivery, options);
    this.isRecovered = true;
    const { record } = recovered,
      replica = this.ctx.server(server)?.bySlot(record.slot);
    if (!replica) return this.fail('noReplica', delivery);
    const target = { replica, upstreamId: record.upstreamId, record };
    if (!this.asked.isSafe(delivery, policy)) await fetchTools(this.ctx, policy, target, this.headers);
    if (!this.asked.isSafe(delivery, policy)) return this.fail('replicaLost', delivery);
    return this.resend(target, delivery);
  }

  async #recover(reason: RecoveryReason): Promise<Recovered> {
    const { server, digest } = this.request,
      target = this.target!;
    let { record } = target;
    if (!record) {
      const found = await this.ctx.directory.find(server, digest!);
      if (found.kind !== 'live') return { kind: 'refused', reason: found.kind === 'unsure' ? 'unsure' : 'unknown' };
      record = found.record;
      // it moved while its slot was still steady: follow it
      if (record.slot !== target.replica.slot || record.upstreamId !== target.upstreamId)
        return { kind: 'recovered', record, isFollowed: true };
    }
    return this.ctx.recovery.recover({ record, reason, headers: this.headers, query: liveQuery(this.request.path) });
  }

  #refused(
    { reason, answer }: Extract<Recovered, { kind: 'refused' }>,
    delivery: DeliveryOutcome,
    { original, refusal }: RelocateOptions,
  ): void {
    if (reason === 'unauthorized' && answer && this.client.isFresh) return this.deliver(answer);
    // A 400 with session words about a session that the mesh doesn't know either is the replica's own affair.
    if (reason === 'unknown' && original?.status === 400 && this.client.isFresh) return this.deliver(original);
    if (reason === 'unsure' && delivery === 'not_sent' && this.toNeighbour()) return;
    const isGone =
      reason === 'policy' ? this.view.policy.onReplicaLoss !== 'fail' : reason === 'unknown' || reason === 'capability';
    if (isGone) this.ctx.metrics.lost(this.request.server, reason as 'policy' | 'unknown' | 'capability');
    this.fail(refusal ?? errorOfRefusal(reason, this.view.policy.onReplicaLoss), delivery);
  }

  protected expired(): void {
    const { target } = this;
    this.call?.abort();
    this.call = null;
    if (!target || this.isHandedOver) return this.fail('deadline', this.delivery);
    cancelUpstream(this.ctx, this.view.policy, target, this.headers, this.asked.pending);
    // The next request of the session finds it elsewhere, if the replica doesn't even answer a ping.
    this.client.guard(async () => {
      const state = await probeSession(this.ctx, this.view.policy, target, this.headers);
      if (state === 'alive' || state === 'uninitialized') return undefined;
      this.ctx.report({ server: this.request.server, slot: target.replica.slot, kind: state });
      return this.#recover(state);
    });
    this.fail('deadline', this.delivery);
  }
}

const GONE = { replica: '', backend: '', address: '', state: 'lost', isSteady: false, weight: 0 } as const;
