import type { IncomingHttpHeaders } from 'node:http';
import { LIMIT_KEYS } from '../../proto/limits.ts';
import { messagesOf, readRpcBody } from '../../proto/json-rpc.ts';
import type { DeliveryOutcome } from '../../proto/rpc-error.ts';
import type { SseEvent } from '../../proto/sse-reader.ts';
import { sseEvent } from '../../proto/sse-writer.ts';
import { HEADER } from '../../proto/wire.ts';
import type { ServerView } from '../xds/topology.ts';
import { neighbourHeaders, upstreamHeaders } from '../recovery/upstream-headers.ts';
import { INTERNAL_FAILURE, type UpstreamCall, type UpstreamFailure } from '../recovery/upstream.ts';
import { AnswerTracker } from './answer-tracker.ts';
import type { ClientAnswer } from './client-answer.ts';
import type { ClientRequest } from './client-request.ts';
import { Deadline, deadlineMs } from './deadline.ts';
import { ExchangeOutcome } from './exchange-outcome.ts';
import { errorForm } from './error-form.ts';
import { MESH_ERROR, meshErrors, outcomeOfError, type MeshError } from './mesh-errors.ts';
import type { RelayContext } from './relay-context.ts';
import { lifeOf, type Target, type WholeAnswer } from './target.ts';
import { UpstreamAnswer, type AnswerListener } from './upstream-answer.ts';

/** One POST from the client's request to its answer, over as many replicas as it takes. Where to go is for the two kinds below to say. */
export abstract class Exchange implements AnswerListener {
  protected readonly ctx: RelayContext;
  protected readonly view: ServerView;
  protected readonly request: ClientRequest;
  protected readonly client: ClientAnswer;
  protected readonly outcome: ExchangeOutcome;
  protected readonly asked: AnswerTracker;
  /** The client's headers for the replica, without a session id. */
  protected readonly headers: string[];
  protected readonly deadline: Deadline;
  protected body: Buffer;
  protected target: Target | null = null;
  protected call: UpstreamCall | null = null;
  protected attempts = 0;
  protected isRecovered = false;
  protected isOver = false;
  /** The body as the client sent it. */
  protected readonly received: Buffer;
  readonly #neighbours: string[] = [];
  #hasForwarded = false;
  #holdsRetry = false;

  constructor(ctx: RelayContext, view: ServerView, request: ClientRequest, client: ClientAnswer, body: Buffer) {
    this.ctx = ctx;
    this.view = view;
    this.request = request;
    this.client = client;
    this.body = this.received = body;
    const rpc = readRpcBody(body);
    this.outcome = new ExchangeOutcome(ctx, request, rpc);
    this.asked = new AnswerTracker(ctx, request.server, request.digest, rpc, this.outcome);
    this.deadline = new Deadline(
      this.asked.hasRequests ? deadlineMs(view.policy, this.outcome.method, this.outcome.tool) : 0,
      ctx.now,
      () => client.guard(() => this.expired()),
      () => ctx.serverRequests.isWaiting(request.digest),
    );
    this.headers = upstreamHeaders(request.incoming.rawHeaders, null, view.policy.hostOverride);
    for (const message of this.asked.messages) ctx.serverRequests.sentByClient(request.digest, message);
    ctx.calls.began(request.server, request.digest);
    ctx.budget(request.server).began();
    client.onGone(() => {
      this.call?.abort();
      this.finish(0, false, 'cancelled');
    });
    client.onDrain(() => this.call?.resume());
    client.onCrash = () => this.#crashed();
    if (this.asked.hasRequests)
      client.giveUp = () => {
        this.call?.abort();
        this.fail('replicaLost', this.delivery);
      };
  }

  /** The replica could not be reached: provably nothing was delivered. */
  protected abstract unreachable(): void;
  /** The connection broke, or the stream ended, before the answer. */
  protected abstract broken(): void;
  /** The breaker of this replica is open. */
  protected abstract rejected(retryAfterMs: number): void;
  /** A complete answer that is no stream: true when it is not to be passed on. */
  protected abstract judges(answer: WholeAnswer): boolean;
  protected abstract expired(): void;

  protected get maxAttempts(): number {
    return this.view.policy.limits.attempts;
  }
  protected get delivery(): DeliveryOutcome {
    return this.#hasForwarded ? 'partial_response' : 'sent_no_response';
  }
  /** Server→client request ids are stamped from the first move on, where everything of the session passes the relay. */
  protected get stampEpoch(): number {
    return this.view.policy.guard.length === 2 ? (this.target?.record?.epoch ?? 0) : 0;
  }

  protected send(target: Target): void {
    if (this.isOver) return;
    this.target = target;
    if (this.attempts >= this.maxAttempts)
      return this.fail('noReplica', 'not_sent', {}, { limit: LIMIT_KEYS.attempts });
    const { server, path } = this.request,
      gate = this.ctx.breakers.gate(server, target.replica.slot, this.outcome.tool, this.ctx.now());
    if (this.attempts++ === 0) this.ctx.metrics.relayOverhead(server, this.ctx.now() - this.request.startedMs);
    if (gate.kind === 'reject')
      return gate.breaker.level === 'replica'
        ? this.rejected(gate.retryAfterMs)
        : this.failOpen(gate.retryAfterMs, gate.breaker);
    this.outcome.sent(target.replica, gate.permit);
    this.deadline.start();
    const headers = target.upstreamId === null ? this.headers : [...this.headers, HEADER.sessionId, target.upstreamId];
    this.call = this.ctx.upstream.send(
      {
        address: target.replica.address,
        method: 'POST',
        path,
        headers,
        body: this.body,
        connectTimeoutMs: this.view.policy.timeouts.connectMs,
      },
      new UpstreamAnswer(this, this.client),
    );
  }

  /** Hands the request over to another gateway's relay, which knows what this one can't find out. False: there is none to ask. */
  protected toNeighbour(): boolean {
    const { incoming, path } = this.request;
    if (incoming.headers[HEADER.forwarded] !== undefined || !this.client.isFresh) return false;
    const address = this.view.relays.find(
      (relay) => relay !== this.ctx.ownRelay() && !this.#neighbours.includes(relay),
    );
    if (address === undefined) return false;
    this.#neighbours.push(address);
    this.outcome.leaveToNeighbour();
    this.deadline.start();
    this.call = this.ctx.upstream.send(
      {
        address,
        method: 'POST',
        path,
        headers: neighbourHeaders(incoming.rawHeaders),
        body: this.received,
        connectTimeoutMs: this.view.policy.timeouts.connectMs,
      },
      new UpstreamAnswer(this, this.client),
    );
    return true;
  }

  /** A neighbour has it. */
  protected get isHandedOver(): boolean {
    return this.#neighbours.length > 0;
  }

  /** Sends it again, when the retry budget has a place for it. */
  protected async resend(target: Target, delivery: DeliveryOutcome): Promise<void> {
    const { retryBudget, timeouts } = this.view.policy,
      budget = this.ctx.budget(this.request.server);
    this.releaseRetry();
    const isGranted = await budget.acquire(retryBudget.percent, retryBudget.floor, timeouts.recoveryMs);
    if (this.isOver) return isGranted ? budget.release() : undefined;
    this.ctx.metrics.retry(this.request.server, isGranted ? 'sent' : 'budget');
    if (!isGranted) return this.fail('overload', delivery);
    this.#holdsRetry = true;
    this.send(target);
  }

  onSse(status: number, headers: IncomingHttpHeaders): void {
    this.releaseRetry();
    this.deadline.progress();
    if (this.client.isFresh) this.client.openSse(status, headers, this.ctx.now());
  }

  onEvent(event: SseEvent): void {
    this.deadline.progress();
    this.#forward(this.asked.event(event, this.stampEpoch), true);
  }

  onPiece(bytes: Buffer, isLast: boolean): void {
    this.deadline.progress();
    if (isLast) this.asked.giveUp();
    this.#forward(bytes, isLast);
  }

  onBytes(status: number, headers: IncomingHttpHeaders): void {
    this.releaseRetry();
    if (!this.client.isFresh) return this.fail('replicaLost', 'partial_response');
    this.client.openBytes(status, headers);
    this.asked.giveUp();
  }

  onWhole(status: number, headers: IncomingHttpHeaders, body: Buffer): void {
    this.call = null;
    this.releaseRetry();
    if (!this.judges({ status, headers, body })) this.deliver({ status, headers, body });
  }

  /** Passes a complete answer on, as it is or, on a stream that is open, as an event. */
  protected deliver({ status, headers, body }: WholeAnswer): void {
    if (body.length > 0)
      for (const message of messagesOf(readRpcBody(body)))
        if (message.kind === 'response') this.asked.answer(message, body);
    if (this.client.isFresh) this.client.whole(status, headers, body);
    else if (status < 300 && body.length > 0) this.client.end(sseEvent(body.toString(), { name: 'message' }));
    else return this.fail('replicaLost', 'partial_response');
    // what says 200 and holds no answer to the request is no server's doing that one could rely on
    this.finish(
      status,
      headers['retry-after'] !== undefined,
      status < 300 && !this.asked.isComplete ? 'replica_fault' : undefined,
    );
  }

  onFinished(isCut: boolean): void {
    this.call = null;
    if (isCut) {
      this.client.cut();
      return this.finish(this.client.status, false, 'replica_fault');
    }
    if (!this.asked.isComplete) {
      const { lastEventId, pendingIds } = this.asked;
      if (lastEventId === null || this.request.digest === null) {
        this.outcome.faulted();
        return this.broken();
      }
      // Closed on purpose: the client comes back with the id of the last event. The neighbour that has the call remembers it.
      if (!this.isHandedOver && this.target)
        this.ctx.resumptions.remember(this.request.digest, lastEventId, lifeOf(this.target), pendingIds);
    }
    this.client.end();
    this.finish(this.client.status, false);
  }

  #crashed(): void {
    this.call?.abort();
    this.call = null;
    this.fail('internal', this.target ? this.delivery : 'not_sent');
  }

  onFailure(failure: UpstreamFailure): void {
    this.call = null;
    this.releaseRetry();
    if (failure.code === INTERNAL_FAILURE) return this.#crashed();
    if (failure.code !== 'HOLDFAST_FULL') this.outcome.faulted();
    if (failure.code === 'HOLDFAST_FULL' || failure.code === 'UND_ERR_INVALID_ARG')
      return this.fail('overload', failure.delivery);
    if (failure.code === 'ECONNREFUSED' && !this.isHandedOver)
      this.ctx.refusals.note(this.target!.replica.address, this.ctx.now());
    if (failure.delivery === 'not_sent') return this.unreachable();
    if (this.client.isSse && this.asked.isComplete) {
      this.client.end();
      return this.finish(this.client.status, false);
    }
    this.broken();
  }

  protected failOpen(retryAfterMs: number, breaker?: { level: 'replica' | 'tool'; key: string }): void {
    const named = breaker && { breaker: { level: breaker.level, key: breaker.key } };
    this.fail(
      'breakerOpen',
      'not_sent',
      { 'retry-after': Math.max(1, Math.ceil(retryAfterMs / 1000)) },
      { ...named, retryAfterMs: Math.ceil(retryAfterMs) },
    );
  }

  protected fail(
    kind: MeshError,
    delivery: DeliveryOutcome,
    extra: Record<string, string | number> = {},
    more: Record<string, unknown> = {},
  ): void {
    if (this.isOver) return;
    const retrySafe = this.asked.isSafe(delivery, this.view.policy),
      { server } = this.request;
    const form = errorForm(MESH_ERROR[kind].status, {
      isOnSession: this.request.clientId !== null,
      hasRequests: this.asked.hasRequests,
      isRead: this.asked.rpc.kind !== 'invalid',
      mayHaveArrived: delivery !== 'not_sent',
    });
    if (form === 'accepted' && this.client.isFresh) return this.accept();
    if (!retrySafe) {
      this.ctx.metrics.retry(server, 'unsafe');
      this.ctx.metrics.ambiguousCall(server);
    }
    const facts = {
      server,
      replica: this.target?.replica.slot ?? null,
      attempts: this.attempts,
      outcome: delivery,
      retrySafe,
      sessionRecovered: this.isRecovered,
      ...more,
    };
    const errors = meshErrors(kind, this.asked.pendingIds, facts);
    if (form === 'result') this.client.errorResults(errors, this.asked.rpc.kind === 'batch', this.request.incoming);
    else this.client.errors(MESH_ERROR[kind].status, errors, this.asked.rpc.kind === 'batch', extra);
    if (kind === 'deadline') this.outcome.timedOut();
    this.finish(this.client.status, false, outcomeOfError(kind));
  }

  /** Takes what nobody waits for an answer to. */
  protected accept(): void {
    this.client.accepted();
    this.finish(202, false);
  }

  protected finish(status: number, hasRetryAfter: boolean, kind?: Parameters<ExchangeOutcome['finish']>[2]): void {
    if (this.isOver) return;
    this.isOver = true;
    this.client.giveUp = null;
    this.deadline.stop();
    this.releaseRetry();
    this.ctx.budget(this.request.server).ended();
    this.ctx.calls.ended(this.request.server, this.request.digest);
    this.ctx.serverRequests.forgetIdle(this.request.digest, this.ctx.calls);
    this.outcome.finish(status, hasRetryAfter, kind);
  }

  protected releaseRetry(): void {
    if (!this.#holdsRetry) return;
    this.#holdsRetry = false;
    this.ctx.budget(this.request.server).release();
  }

  #forward(bytes: Buffer | string, isWhole: boolean): void {
    this.#hasForwarded = true;
    if (!this.client.write(bytes, this.ctx.now(), isWhole)) this.call?.pause();
  }
}
