import { LIMIT_KEYS } from '../../../proto/limits.ts';
import { messagesOf, readRpcBody } from '../../../proto/json-rpc.ts';
import type { DeliveryOutcome } from '../../../proto/rpc-error.ts';
import { sseEvent } from '../../../proto/sse-writer.ts';
import { upstreamHeaders } from '../../replica/headers.ts';
import type { AttemptTrace } from '../../tracing/attempt-trace.ts';
import type { ServerView } from '../../xds/topology.ts';
import { AnswerTracker } from './answer-tracker.ts';
import type { ClientAnswer } from '../client/client-answer.ts';
import type { ClientRequest, PostBody } from '../client/client-request.ts';
import { Deadline, deadlineMs } from './deadline.ts';
import { errorForm, isOnSession } from '../client/error-form.ts';
import { RequestOutcome } from './request-outcome.ts';
import { MESH_ERROR, meshErrors, outcomeOfError } from '../client/mesh-errors.ts';
import { retryAfter } from '../client/refuse-call.ts';
import type { RelayContext } from '../relay-context.ts';
import { unstampAnswers } from './server-request-ids.ts';
import { type Destination, upstreamSessionOf, type Target, type WholeAnswer } from './target.ts';
import { rememberPolled } from '../stream/polled-calls.ts';
import { Priming } from '../resume/priming.ts';
import { attemptsAt, type Attempts } from './attempts.ts';
import type { Ending, Facts, FailStep } from './next-step.ts';

/** An attempt that is under way. */
export interface InFlight {
  cancel(): void;
  expire(): void;
  pause(): void;
  resume(): void;
}

/** One POST: what is known of it and of its attempts, and the ways in which it can end. It reports its outcome once. */
export class PostCall {
  readonly ctx: RelayContext;
  readonly view: ServerView;
  readonly request: ClientRequest;
  /** Another one while its client is away, or has come back. */
  client: ClientAnswer;
  readonly priming: Priming;
  readonly outcome: RequestOutcome;
  readonly asked: AnswerTracker;
  readonly attempts: Attempts;
  readonly deadline: Deadline;
  /** The body as the client sent it. */
  readonly received: Buffer;
  /** The client's headers for the replica, without a session id. */
  readonly headers: string[];
  /** Where the last attempt went. */
  destination: Destination | null = null;
  inFlight: InFlight | null = null;
  /** Of the attempt under way. */
  attemptTrace: AttemptTrace | null = null;
  /** The session was rebuilt for it. */
  isRecovered = false;
  /** The client was told the id of a session that this request began. */
  isNamed = false;
  /** The last attempt's answer was a whole one, and no JSON-RPC. */
  isGarbage = false;
  /** The first replica's refusal, while another is looked for that holds what the request names. */
  refusal: WholeAnswer | null = null;
  #isOver = false;
  #hasForwarded = false;
  #delivery: DeliveryOutcome = 'not_sent';

  constructor(
    ctx: RelayContext,
    view: ServerView,
    request: ClientRequest,
    client: ClientAnswer,
    { bytes, rpc }: PostBody,
  ) {
    this.ctx = ctx;
    this.view = view;
    this.request = request;
    this.client = client;
    this.received = bytes;
    const { server, digest } = request;
    if (request.mayHaveRun) this.#delivery = 'sent_no_response';
    this.outcome = new RequestOutcome(ctx, request, rpc, bytes);
    this.asked = new AnswerTracker(ctx, server, digest, rpc, this.outcome);
    this.attempts = attemptsAt(ctx, server, view.policy);
    this.deadline = new Deadline(
      this.asked.hasRequests ? deadlineMs(view.policy, this.outcome.method, this.outcome.tool) : 0,
      ctx.now,
      () => this.client.guard(() => this.inFlight?.expire()),
      () => ctx.serverRequests.isWaiting(digest),
    );
    this.headers = upstreamHeaders(request.incoming.rawHeaders, null, view.policy.hostOverride);
    for (const message of this.asked.messages) ctx.serverRequests.sentByClient(digest, message);
    ctx.calls.began(server, digest);
    ctx.budget(server).began();
    this.priming = new Priming(this);
    this.attach(client);
  }

  /** From here on the client hears of the call on this connection. */
  attach(client: ClientAnswer): void {
    this.client = client;
    client.onGone(() => {
      if (client === this.client && !this.priming.clientGone(client)) this.over(0, false, 'cancelled');
    });
    client.onDrain(() => this.inFlight?.resume());
    client.onCrash = () => this.fail({ do: 'fail', error: 'internal' });
    if (this.asked.hasRequests) client.giveUp = () => this.fail({ do: 'fail', error: 'replicaLost' });
    this.inFlight?.resume();
  }

  get isOver(): boolean {
    return this.#isOver;
  }
  /** May all of it be sent again, after all that its attempts came to? */
  get isSafe(): boolean {
    return this.asked.isSafe(this.delivery, this.view.policy);
  }
  /** The replica of the last attempt. */
  get target(): Target | null {
    return this.destination === null || this.destination.at === 'neighbour' ? null : this.destination.target;
  }
  /** The server as it is now: its replicas may have changed since the request came. */
  get latest(): ServerView {
    return this.ctx.server(this.request.server) ?? this.view;
  }
  get isInitialize(): boolean {
    return this.outcome.method === 'initialize' && this.asked.rpc.kind === 'single';
  }
  /** Server→client request ids are stamped from the first move on, where everything of the session passes the relay. */
  get stampEpoch(): number {
    return this.view.policy.guard.length === 2 ? (this.target?.record?.epoch ?? 0) : 0;
  }

  /** What is known of the delivery over all attempts: the worst. */
  get delivery(): DeliveryOutcome {
    if (this.#delivery === 'partial_response' || !this.inFlight) return this.#delivery;
    return this.#hasForwarded ? 'partial_response' : 'sent_no_response';
  }

  /** An attempt ended without an answer, and may have been carried out. */
  mayHaveRun(): void {
    this.#delivery = this.#hasForwarded ? 'partial_response' : 'sent_no_response';
  }

  facts(): Facts {
    const { policy } = this.view;
    return {
      at: this.destination?.at ?? null,
      isSafe: this.asked.isSafe(this.#delivery, policy),
      mightBeSafe: this.asked.mightBecomeSafe(policy),
      attempts: this.attempts.sent,
      isResent: this.request.mayHaveRun && this.attempts.sent === 0,
      rejections: this.attempts.rejected,
      isComplete: this.asked.isComplete,
      isFresh: this.client.isFresh,
      isRecovered: this.isRecovered,
      isNamed: this.isNamed && !this.client.isFresh,
      isInitialize: this.isInitialize,
      isGarbage: this.isGarbage,
      refusal: this.refusal,
    };
  }

  /** The body for a replica: answers carry the ids that it gave its own requests. Null: all of them answer a dead session's questions. */
  bodyFor(target: Target): Buffer | null {
    const epoch = target.record?.epoch ?? 0;
    if (epoch === 0 || this.view.policy.guard.length < 2 || !this.asked.hasAnswers) return this.received;
    return unstampAnswers(this.received, epoch);
  }

  /** Passes part of the answer on. */
  forward(bytes: Buffer | string, isWhole: boolean): void {
    this.#hasForwarded = true;
    this.priming.forwarded(bytes, isWhole);
    if (!this.client.write(bytes, this.ctx.now(), isWhole)) this.inFlight?.pause();
  }

  finish(ending: Exclude<Ending, { do: 'deliver' }>): void {
    switch (ending.do) {
      case 'fail':
        return this.fail(ending);
      case 'resumable':
        this.#rememberResumption();
        this.client.end();
        return this.over(this.client.status, false);
      case 'end':
        this.client.end();
        return this.over(this.client.status, false);
      case 'cut':
        this.client.cut();
        return this.over(this.client.status, false, 'replica_fault');
      case 'quiet':
        return this.over(this.client.status, false);
    }
  }

  /** Passes a complete answer on, as it is or, on a stream that is open, as an event. */
  deliver({ status, headers, body, data = body, rpc = readRpcBody(data) }: WholeAnswer): void {
    if (data.length > 0)
      for (const message of messagesOf(rpc)) if (message.kind === 'response') this.asked.answer(message, data);
    if (this.client.isFresh) this.client.whole(status, headers, body);
    else if (status < 300 && body.length > 0)
      this.client.end(data === body ? sseEvent(body.toString(), { name: 'message' }) : body);
    else return this.fail({ do: 'fail', error: 'replicaLost' });
    // A 200 that holds no answer to the request is a fault of its replica.
    const isUnanswered = status < 300 && !this.asked.isComplete;
    this.over(status, headers['retry-after'] !== undefined, isUnanswered ? 'replica_fault' : undefined);
  }

  /** Takes what nobody waits for an answer to. */
  accept(): void {
    this.client.accepted();
    this.over(202, false);
  }

  fail({ error, breaker, isCapped }: FailStep): void {
    if (this.#isOver) return;
    const { asked, client, delivery, request } = this;
    const { status } = MESH_ERROR[error];
    const retrySafe = asked.isSafe(delivery, this.view.policy);
    const form = errorForm(status, {
      isOnSession: isOnSession(request) && !this.isInitialize,
      hasRequests: asked.hasRequests,
      isRead: asked.rpc.kind !== 'invalid',
      mayHaveArrived: delivery !== 'not_sent',
    });
    if (form === 'accepted' && client.isFresh) return this.accept();
    if (!retrySafe) {
      this.ctx.metrics.retry(request.server, 'unsafe');
      this.ctx.metrics.ambiguousCall(request.server);
    }
    const errors = meshErrors(error, asked.pendingIds, {
      server: request.server,
      replica: this.target?.replica.slot ?? null,
      attempts: this.attempts.sent + this.attempts.rejected,
      outcome: delivery,
      retrySafe,
      sessionRecovered: this.isRecovered,
      ...(isCapped && { limit: LIMIT_KEYS.attempts }),
      ...(breaker && {
        breaker: { level: breaker.level, key: breaker.key },
        retryAfterMs: Math.ceil(breaker.retryAfterMs),
      }),
    });
    const isBatch = asked.rpc.kind === 'batch';
    const retry = breaker && retryAfter(breaker.retryAfterMs);
    if (form === 'result') client.errorResults(errors, isBatch, request.incoming);
    else client.errors(status, errors, isBatch, retry);
    if (error === 'deadline') this.outcome.timedOut();
    this.over(client.status, false, outcomeOfError(error));
  }

  /** It is over, whatever the client got; what is still under way is given up. */
  over(status: number, hasRetryAfter: boolean, kind?: Parameters<RequestOutcome['finish']>[2]): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.client.giveUp = null;
    this.inFlight?.cancel();
    this.deadline.stop();
    this.attempts.release();
    const { server, digest } = this.request;
    this.ctx.budget(server).ended();
    this.ctx.calls.ended(server, digest);
    this.ctx.serverRequests.forgetIdle(digest, this.ctx.calls);
    this.outcome.finish(status, hasRetryAfter, kind);
    this.priming.over();
  }

  /** The server closed the stream on purpose: the client comes back with the id of the last event. A neighbour remembers its own calls. */
  #rememberResumption(): void {
    const { lastEventId, pendingIds } = this.asked;
    const { digest, server } = this.request;
    const { target } = this;
    if (!target || digest === null || lastEventId === null) return;
    const session = { directory: this.ctx.directory, server, digest };
    this.client.guard(() => rememberPolled(session, lastEventId, upstreamSessionOf(target), pendingIds));
  }
}
