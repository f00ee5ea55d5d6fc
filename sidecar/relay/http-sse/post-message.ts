import { setTimeout as sleep } from 'node:timers/promises';
import { messagesOf, type RpcBody, type RpcMessage } from '../../../proto/json-rpc.ts';
import { JSON_RPC_ERROR, rpcErrors, type DeliveryOutcome } from '../../../proto/rpc-error.ts';
import type { ServerPolicy } from '../../../proto/server-policy.ts';
import { withinMs } from '../../../proto/within-ms.ts';
import { HEADER } from '../../../proto/wire.ts';
import { ask, type ReplicaAnswer } from '../../replica/ask.ts';
import { upstreamHeaders } from '../../replica/headers.ts';
import { limitRefusal } from '../../budget/limit-error.ts';
import type { ServerView } from '../../xds/topology.ts';
import { attemptsAt, type Attempts } from '../call/attempts.ts';
import { runCall, type Call, type Errand } from '../call/call.ts';
import type { AttemptResult, Ending, Facts, FailStep, Finding, RecoverStep } from '../call/next-step.ts';
import type { ClientAnswer } from '../client/client-answer.ts';
import type { ClientRequest, PostBody } from '../client/client-request.ts';
import { RequestOutcome } from '../call/request-outcome.ts';
import { MESH_ERROR, meshErrors, outcomeOfError, requestIds } from '../client/mesh-errors.ts';
import { pauseWithin } from '../call/pause-before.ts';
import { refusalErrors, retryAfter } from '../client/refuse-call.ts';
import type { RelayContext } from '../relay-context.ts';
import { handOver } from './hand-over.ts';
import { locateHttpSse, noteChanges, noteInitialize, type HttpSseLocation, type Unlocated } from './locate-http-sse.ts';
import type { HeldSession } from './held-sessions.ts';
import type { Destination, WholeAnswer } from '../call/target.ts';

const REPEATED =
  'Invalid Request: a call with this id still waits for its answer; each request of a session needs an id of its own';
/** A replica that did not take a message is tried again after this long, should its session still be there. */
const SAME_AGAIN_MS = 1000;

/** A message of an HTTP+SSE session: goes to where the session's stream is; the answer comes there. */
export const postMessage = (
  ctx: RelayContext,
  view: ServerView,
  request: ClientRequest,
  client: ClientAnswer,
  body: PostBody,
): Promise<void> => runCall(new MessagePost(ctx, view, request, client, body));

class MessagePost implements Call {
  readonly policy: ServerPolicy;
  readonly attempts: Attempts;
  readonly #ctx: RelayContext;
  readonly #view: ServerView;
  readonly #request: ClientRequest;
  readonly #client: ClientAnswer;
  readonly #body: Buffer;
  readonly #rpc: RpcBody;
  readonly #messages: readonly RpcMessage[];
  readonly #outcome: RequestOutcome;
  /** The session's stream, where this relay holds it: its errors go there, too. */
  readonly #holder: HeldSession | undefined;
  readonly #untilMs: number;
  #place: HttpSseLocation | null = null;
  #delivery: DeliveryOutcome = 'not_sent';
  #isOver = false;

  constructor(
    ctx: RelayContext,
    view: ServerView,
    request: ClientRequest,
    client: ClientAnswer,
    { bytes, rpc }: PostBody,
  ) {
    this.#ctx = ctx;
    this.#view = view;
    this.#request = request;
    this.#client = client;
    this.#body = bytes;
    this.policy = view.policy;
    this.#rpc = rpc;
    this.#messages = messagesOf(this.#rpc);
    this.#outcome = new RequestOutcome(ctx, request, this.#rpc);
    this.#holder = request.digest === null ? undefined : ctx.httpSse.of(request.digest);
    this.#untilMs = ctx.now() + view.policy.timeouts.recoveryMs;
    this.attempts = attemptsAt(ctx, request.server, view.policy);
  }

  get isOver(): boolean {
    return this.#isOver || this.#client.isOver;
  }

  facts(): Facts {
    return {
      at: 'session',
      isSafe: this.#delivery === 'not_sent',
      mightBeSafe: false,
      attempts: this.attempts.sent,
      rejections: this.attempts.rejected,
      isResent: false,
      isComplete: false,
      isFresh: true,
      isRecovered: false,
      isNamed: false,
      isInitialize: false,
      refusal: null,
    };
  }

  async begin(): Promise<Finding> {
    const { digest } = this.#request;
    // Nothing is written down and nobody else hears of it before it is known whose session this is.
    const place = await locateHttpSse(this.#ctx, this.#request, false);
    if (place === 'unknown') return { is: 'unknown' };
    if (place === 'unsure' && this.#holder) return nowhere('sessionUnsure');
    if (this.#request.mayHaveRun) return this.#resent();
    if (!this.#holder) {
      const handed = await handOver(this.#ctx, this.#view, this.#request, this.#client, this.#body);
      if (handed === 'done') {
        this.#outcome.leaveToNeighbour(); // the other relay reports it
        return { is: 'cancelled' };
      }
      if (handed === 'lost') return this.#lost();
    }
    await noteInitialize(this.#ctx, this.#request, this.#rpc, this.#body);
    if (this.#holder?.calls.repeats(this.#messages)) return this.#refuseRepeated();
    if (this.#isBeyondLimit()) return this.#refuse();
    for (const message of this.#messages) {
      this.#ctx.serverRequests.sentByClient(digest, message);
      this.#holder?.posted(message, this.#body, this.#outcome);
    }
    return this.#found(place);
  }

  async attempt(to: Destination): Promise<AttemptResult> {
    const place = this.#place;
    if (!place || to.at !== 'session') throw new Error('a message of HTTP+SSE goes to its session');
    const { server } = this.#request;
    const { replica } = place.target;
    const gate = this.#ctx.breakers.gate(server, replica.slot, this.#outcome.tool, this.#ctx.now());
    if (gate.kind === 'reject') {
      this.attempts.rejected++;
      const { level, key } = gate.breaker;
      return { is: 'rejected', level, key, retryAfterMs: gate.retryAfterMs };
    }
    this.attempts.sent++;
    this.#outcome.sent(replica, gate.permit);
    const { connectMs, initializeMs } = this.policy.timeouts;
    const headers = upstreamHeaders(this.#request.incoming.rawHeaders, null, this.policy.hostOverride);
    const wanted = {
      address: replica.address,
      method: 'POST',
      path: place.endpoint,
      headers,
      body: this.#body,
    } as const;
    const answer = await ask(this.#ctx.upstream, { ...wanted, connectTimeoutMs: connectMs }, initializeMs);
    this.attempts.release();
    return this.#resultOf(answer, replica.slot);
  }

  carryOut(errand: Errand): Finding | Promise<Finding> {
    switch (errand.do) {
      case 'recover':
        return errand.reason === 'breaker'
          ? { is: 'not-recovered', of: errand, reason: 'no-replica' }
          : this.#awaitRecovery(errand);
      case 'ping':
        // Only who holds the stream can tell what became of it.
        return { is: 'still-recovering' };
      case 'learn':
        return { is: 'learned', next: errand.next };
      default:
        return { is: 'nowhere', otherwise: errand.otherwise };
    }
  }

  finish(ending: Ending): void {
    if (this.#isOver) return;
    if (ending.do === 'fail') return this.#fail(ending);
    this.#isOver = true;
    if (ending.do !== 'deliver') return;
    const { status, headers, body } = ending.answer;
    this.#client.whole(status, headers, body);
    if (this.#holder && status < 300) return; // its outcome comes with the answer on the stream
    this.#withdraw();
    if (status < 300) noteChanges(this.#ctx, this.#request, this.#rpc);
    this.#outcome.finish(status, false, status < 300 ? 'unread' : undefined);
  }

  /** The relay that holds the stream counts the session's calls, whichever gateway they come through. */
  #isBeyondLimit(): boolean {
    const { callsPerSession } = this.policy.limits;
    if (!this.#holder || callsPerSession === 0 || this.#holder.calls.size < callsPerSession) return false;
    return this.#messages.some(({ kind }) => kind === 'request');
  }

  /** Not on the stream: there the client would take it for the answer to the first call, which goes on. */
  #refuseRepeated(): Finding {
    const errors = rpcErrors(requestIds(this.#rpc), JSON_RPC_ERROR.invalidRequest, REPEATED);
    this.#client.errors(400, errors, this.#rpc.kind === 'batch');
    this.#outcome.finish(400, false, 'client_fault');
    return { is: 'cancelled' };
  }

  /** Its error is on the stream: a client reads nothing of the POST's answer but its status, and a 5xx may end its session. */
  #refuse(): Finding {
    const { server } = this.#request;
    this.#ctx.metrics.refused(server, 'calls_per_session');
    for (const error of refusalErrors(limitRefusal('calls_per_session', server), server, requestIds(this.#rpc)))
      this.#holder?.tell(error);
    this.#client.accepted();
    this.#outcome.finish(202, true, 'client_fault');
    return { is: 'cancelled' };
  }

  /** Who holds the stream says what became of a message that a replica has, or may have. */
  #resultOf(answer: ReplicaAnswer, slot: string): AttemptResult {
    const mayHaveIt = answer.kind === 'timeout' || (answer.kind === 'failed' && answer.failure.delivery !== 'not_sent');
    if (mayHaveIt && !this.#holder) return this.#lost();
    const isTaken = mayHaveIt || (answer.kind === 'answered' && answer.status < 300);
    if (isTaken) for (const message of this.#messages) this.#holder?.taken(message, slot);
    if (mayHaveIt) return { is: 'answered', answer: ACCEPTED, hint: 'plain' };
    if (answer.kind === 'failed') return { is: 'failed', delivery: 'not_sent', code: answer.failure.code };
    // Provably nobody took it: it goes to the session's next upstream session, which only the holder of its stream can begin.
    if (answer.kind !== 'answered' || answer.status === 404)
      return { is: 'failed', delivery: 'not_sent', code: 'HTTP_404' };
    const { status, headers, body } = answer;
    return { is: 'answered', answer: { status, headers, body }, hint: 'plain' };
  }

  /** Another relay had it before, and is gone. Unless it was handed over to this one by then, nobody knows what became of it. */
  #resent(): Finding {
    if (!this.#holder) return this.#lost();
    const { server } = this.#request;
    const isHere = this.#holder.calls.repeats(this.#messages);
    const told = { server, attempts: 1, outcome: 'sent_no_response', retrySafe: false } as const;
    const ids = isHere ? [] : requestIds(this.#rpc);
    for (const id of ids) for (const error of meshErrors('gatewayLost', [id], told)) this.#holder.tell(error);
    this.#client.accepted();
    this.#outcome.finish(202, false, isHere ? 'unread' : outcomeOfError('gatewayLost'));
    return { is: 'cancelled' };
  }

  #lost(): AttemptResult {
    this.#delivery = 'sent_no_response';
    return { is: 'failed', delivery: 'sent_no_response', code: 'HOLDFAST_NO_HOLDER' };
  }

  #found(place: HttpSseLocation | Unlocated): Finding {
    if (place === 'unknown') return { is: 'unknown' };
    if (typeof place === 'object') return { is: 'found', to: this.#to(place) };
    // Asked by another relay, which doesn't know the session either: it asks the next one.
    const isForwarded = this.#request.incoming.headers[HEADER.forwarded] !== undefined;
    if (isForwarded && !this.#holder) return nowhere('recoveryFailed');
    return { is: 'lost', reason: 'unreachable', fallback: null };
  }

  #to(place: HttpSseLocation): Destination {
    this.#place = place;
    return { at: 'session', target: place.target };
  }

  /** Waits until the holder of the stream has rebuilt the session, or until the same replica may be tried again. */
  async #awaitRecovery(step: RecoverStep): Promise<Finding> {
    const lost = this.#place?.target.record;
    const beganMs = this.#ctx.now();
    for (let turn = 2; this.#ctx.now() < this.#untilMs; turn++) {
      const leftMs = this.#untilMs - this.#ctx.now();
      const rebuilding = this.#holder?.rebuilding;
      const settled = rebuilding && withinMs(leftMs, rebuilding, () => undefined);
      await (settled ?? sleep(pauseWithin(leftMs, turn, this.#ctx.random)));
      if (this.isOver) return { is: 'cancelled' };
      const place = await locateHttpSse(this.#ctx, this.#request, true);
      if (place === 'unknown') return { is: 'unknown' };
      if (place === 'lost') this.#holder?.slotEnded();
      if (typeof place !== 'object') continue;
      const hasMoved = place.target.record?.epoch !== lost?.epoch || place.target.record?.slot !== lost?.slot;
      if (hasMoved || this.#ctx.now() - beganMs >= SAME_AGAIN_MS) return { is: 'recovered', to: this.#to(place) };
    }
    return { is: 'not-recovered', of: step, reason: this.#place ? 'no-replica' : 'timeout' };
  }

  /** If this relay holds the stream, the error of a request goes there. A 5xx to a POST ends the whole session of Python's SDK 1.x. */
  #fail({ error, breaker }: FailStep): void {
    this.#isOver = true;
    const { status } = MESH_ERROR[error];
    if (this.#holder && status === 503) {
      for (const message of this.#messages) this.#holder.failed(message, error);
      return this.#client.accepted();
    }
    this.#withdraw();
    const delivery = this.#delivery;
    const facts = { server: this.#request.server, replica: this.#place?.target.replica.slot ?? null } as const;
    const attempts = this.attempts.sent + this.attempts.rejected;
    const told = { ...facts, attempts, outcome: delivery, retrySafe: delivery === 'not_sent', sessionRecovered: false };
    const retry = breaker && retryAfter(breaker.retryAfterMs);
    const isBatch = this.#rpc.kind === 'batch';
    this.#client.errors(status, meshErrors(error, requestIds(this.#rpc), told), isBatch, retry);
    this.#outcome.finish(status, false, outcomeOfError(error));
  }

  #withdraw(): void {
    for (const message of this.#messages) this.#holder?.calls.remove(message);
  }
}

const ACCEPTED: WholeAnswer = { status: 202, headers: {}, body: Buffer.alloc(0) };

const nowhere = (error: FailStep['error']): Finding => ({ is: 'nowhere', otherwise: { do: 'fail', error } });
