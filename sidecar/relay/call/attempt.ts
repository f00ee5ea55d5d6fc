import type { IncomingHttpHeaders } from 'node:http';
import { readRpcBody, type RpcBody } from '../../../proto/json-rpc.ts';
import type { SseEvent } from '../../../proto/sse-reader.ts';
import { HEADER } from '../../../proto/wire.ts';
import { INTERNAL_FAILURE, type ReplicaCall, type ReplicaFailure } from '../../replica/client.ts';
import { neighbourHeaders } from '../../replica/headers.ts';
import type { Destination, Target } from './target.ts';
import { AnswerReader, type AnswerListener } from '../../replica/answer-reader.ts';
import { hintOfAnswer, hintOfData } from './answer-hint.ts';
import type { AttemptResult } from './next-step.ts';
import type { InFlight, PostCall } from './post-call.ts';

/** Who looks at an answer before the client has it. */
export interface AnswerWatch {
  head(status: number, headers: IncomingHttpHeaders): void;
  /** Writes down what later requests depend on. Null: there is nothing to write. */
  keep(data: Buffer): Promise<unknown> | null;
}

/** Sends a request once. Resolves once, with what became of it; the client gets the events of a stream meanwhile. */
export const attempt = (call: PostCall, to: Destination, watch: AnswerWatch): Promise<AttemptResult> =>
  new Promise((resolve) => {
    new Attempt(call, to, watch, resolve).start();
  });

class Attempt implements AnswerListener, InFlight {
  readonly #call: PostCall;
  readonly #to: Destination;
  readonly #watch: AnswerWatch;
  readonly #resolve: (result: AttemptResult) => void;
  #upstream: ReplicaCall | null = null;
  #isSettled = false;
  /** What comes while something is being written down. */
  #held: (() => void)[] | null = null;

  constructor(call: PostCall, to: Destination, watch: AnswerWatch, resolve: (result: AttemptResult) => void) {
    this.#call = call;
    this.#to = to;
    this.#watch = watch;
    this.#resolve = resolve;
  }

  start(): void {
    const call = this.#call;
    call.destination = this.#to;
    call.asked.lastEventId = null;
    call.isGarbage = false;
    if (this.#to.at === 'neighbour') {
      call.outcome.leaveToNeighbour();
      return this.#send(this.#to.address, neighbourHeaders(call.request.incoming.rawHeaders), call.received);
    }
    this.#toReplica(this.#to.target);
  }

  #toReplica(target: Target): void {
    const { attempts, ctx, outcome, request } = this.#call;
    const body = this.#call.bodyFor(target);
    if (body === null) {
      this.#call.accept();
      return this.#settle({ is: 'cancelled' });
    }
    const nowMs = ctx.now();
    if (attempts.sent + attempts.rejected === 0) ctx.metrics.relayOverhead(request.server, nowMs - request.startedMs);
    const gate = ctx.breakers.gate(request.server, target.replica.slot, outcome.tool, nowMs);
    if (gate.kind === 'reject') {
      attempts.rejected++;
      const { level, key } = gate.breaker;
      return this.#settle({ is: 'rejected', level, key, retryAfterMs: gate.retryAfterMs });
    }
    outcome.sent(target.replica, gate.permit);
    const { headers } = this.#call;
    const own = target.upstreamId === null ? headers : [...headers, HEADER.sessionId, target.upstreamId];
    this.#send(target.replica.address, own, body);
  }

  #send(address: string, headers: string[], body: Buffer): void {
    const { attempts, client, ctx, deadline, request, view } = this.#call;
    attempts.sent++;
    this.#call.inFlight = this;
    deadline.start();
    const { connectMs: connectTimeoutMs } = view.policy.timeouts;
    const trace = this.#call.attemptTrace;
    const wanted = {
      ...({ address, method: 'POST', path: request.path, connectTimeoutMs } as const),
      headers: trace?.sending(headers, ctx.now()) ?? headers,
      body: trace?.body(body) ?? body,
    };
    this.#upstream = ctx.upstream.send(wanted, new AnswerReader(this, client));
  }

  cancel(): void {
    this.#leave({ is: 'cancelled' });
  }
  expire(): void {
    this.#call.mayHaveRun();
    this.#leave({ is: 'expired' });
  }
  pause(): void {
    this.#upstream?.pause();
  }
  resume(): void {
    this.#upstream?.resume();
  }

  onSse(status: number, headers: IncomingHttpHeaders): void {
    const { client, ctx } = this.#call;
    this.#began(status, headers);
    if (client.isFresh) client.openSseLater(status, headers, ctx.now());
    this.#call.priming.begun();
  }

  onEvent(event: SseEvent): void {
    if (this.#isSettled || this.#isHeld(() => this.onEvent(event))) return;
    const { data, id } = event;
    const { client } = this.#call;
    const { isFresh } = client;
    if (data === null) {
      // A comment says nothing that would be worth an open stream: it goes out with the first event.
      if (id !== null || !client.keepEarly(event.raw)) this.#forward(event);
      return;
    }
    // While a holder is looked for, the client hears of this stream only when its first event is no refusal.
    const hint = this.#to.at === 'seek' && !isFresh ? 'plain' : hintOfData(this.#to.at, data);
    if (hint !== 'plain') {
      client.forgetHead();
      const headers = { 'content-type': 'text/event-stream' };
      return this.#leave({ is: 'answered', answer: { status: 200, headers, body: event.raw, data }, hint });
    }
    this.#keep(data, () => this.#forward(event));
  }

  /** Part of an event, or of an answer, that is too large to be read. */
  onPiece(bytes: Buffer, isLast: boolean): void {
    if (this.#isSettled || this.#isHeld(() => this.onPiece(bytes, isLast))) return;
    this.#call.deadline.progress();
    if (isLast) this.#call.asked.giveUp();
    this.#call.forward(bytes, isLast);
  }

  onBytes(status: number, headers: IncomingHttpHeaders): void {
    const { asked, client } = this.#call;
    this.#began(status, headers);
    if (!client.isFresh) {
      // It can't follow on a stream that is open.
      this.#call.mayHaveRun();
      return this.#leave({ is: 'answered', answer: { status, headers, body: Buffer.alloc(0) }, hint: 'plain' });
    }
    client.openBytes(status, headers);
    asked.giveUp();
  }

  onWhole(status: number, headers: IncomingHttpHeaders, body: Buffer): void {
    const rpc = readRpcBody(body);
    this.#call.isGarbage = this.#isGarbage(status, headers, rpc);
    if (this.#call.isGarbage) return this.#unanswered();
    const answer = { status, headers, body, rpc };
    this.#settle({ is: 'answered', answer, hint: hintOfAnswer(this.#to.at, answer) });
  }

  /** A success that holds no JSON where a request waits for its answer: no client could make anything of it. */
  #isGarbage(status: number, headers: IncomingHttpHeaders, rpc: RpcBody): boolean {
    const isMalformed = rpc.kind === 'invalid' && rpc.why === 'malformed';
    return isMalformed && status === 200 && headers['content-encoding'] === undefined && !this.#call.asked.isComplete;
  }

  #unanswered(): void {
    this.#call.outcome.faulted();
    this.#call.mayHaveRun();
    this.#settle({ is: 'streamed', end: 'unanswered' });
  }

  onFinished(isCut: boolean): void {
    if (this.#isSettled || this.#isHeld(() => this.onFinished(isCut))) return;
    const { asked, request } = this.#call;
    if (isCut) return this.#settle({ is: 'streamed', end: 'mid-event' });
    if (asked.isComplete) return this.#settle({ is: 'streamed', end: 'answered' });
    if (asked.lastEventId !== null && request.digest !== null)
      return this.#settle({ is: 'streamed', end: 'resumable' });
    this.#unanswered();
  }

  onFailure(failure: ReplicaFailure): void {
    if (this.#isSettled || this.#isHeld(() => this.onFailure(failure))) return;
    const { delivery, code } = failure;
    if (code === INTERNAL_FAILURE) return this.#settle({ is: 'crashed' });
    if (delivery !== 'not_sent') this.#call.mayHaveRun();
    if (code !== 'HOLDFAST_FULL') this.#blame(delivery === 'not_sent');
    this.#settle({ is: 'failed', delivery, code });
  }

  #blame(isUnreachable: boolean): void {
    const { ctx, outcome, request } = this.#call;
    outcome.faulted();
    if (this.#to.at === 'neighbour') return;
    const { slot } = this.#to.target.replica;
    // A session's recovery reports what it was begun for.
    if (isUnreachable && this.#to.at !== 'session') ctx.report({ server: request.server, slot, kind: 'unreachable' });
  }

  #began(status: number, headers: IncomingHttpHeaders): void {
    this.#call.attempts.release();
    this.#call.deadline.progress();
    this.#watch.head(status, headers);
  }

  #forward(event: SseEvent): void {
    this.#call.deadline.progress();
    this.#call.forward(this.#call.asked.event(event, this.#call.stampEpoch), true);
  }

  /** Goes on once what later requests depend on is written down. */
  #keep(data: Buffer, go: () => void): void {
    const keeping = this.#watch.keep(data);
    if (!keeping) return go();
    this.#held = [];
    this.#call.client.guard(async () => {
      await keeping;
      const held = this.#held ?? [];
      this.#held = null;
      if (this.#isSettled) return;
      go();
      for (const run of held) run();
    });
  }

  #isHeld(run: () => void): boolean {
    this.#held?.push(run);
    return this.#held !== null;
  }

  #leave(result: AttemptResult): void {
    if (this.#isSettled) return;
    this.#upstream?.abort();
    this.#settle(result);
  }

  #settle(result: AttemptResult): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#call.inFlight = null;
    this.#call.deadline.stop();
    this.#call.attempts.release();
    this.#resolve(result);
  }
}
