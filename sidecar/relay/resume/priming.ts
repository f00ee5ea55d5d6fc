import { HEADER } from '../../../proto/wire.ts';
import { sseEvent } from '../../../proto/sse-writer.ts';
import type { ServerView } from '../../xds/topology.ts';
import { clientAddress } from '../../budget/client-address.ts';
import type { AnswerTracker } from '../call/answer-tracker.ts';
import type { Destination } from '../call/target.ts';
import type { ClientAnswer } from '../client/client-answer.ts';
import type { ClientRequest } from '../client/client-request.ts';
import { holderName } from '../http-sse/hand-over.ts';
import type { RelayContext } from '../relay-context.ts';
import { eventIdOf } from './event-id.ts';
import { KeptResponse } from './kept-response.ts';
import type { Resumable } from './primed-calls.ts';

/** The first revision whose clients open a stream again that was cut after an event with an id. */
const FIRST_REVISION = '2025-11-25';
/** An answer that comes within this time costs no event more: at 10 ms a busy gateway spent 16 % more CPU on each call. */
const PRIME_AFTER_MS = 100;
/** When a client is to come back. Their own default is a second and more. */
const RETRY_MS = 100;
/** A longer call is not in its event id: clients send that in a header. */
const MAX_BODY_BYTES = 1024;
/** A call goes on for so long while its client is away. */
const KEEP_MS = 5000;

/** The call whose stream is primed. */
export interface PrimedPost {
  readonly ctx: Pick<RelayContext, 'identities' | 'now' | 'ownRelay' | 'primed'>;
  readonly view: ServerView;
  readonly request: ClientRequest;
  readonly asked: AnswerTracker;
  readonly destination: Destination | null;
  readonly client: ClientAnswer;
  readonly isOver: boolean;
  readonly isSafe: boolean;
  readonly received: Buffer;
  attach(client: ClientAnswer): void;
  over(status: number, hasRetryAfter: boolean, kind: 'cancelled'): void;
}

/** Lets the client of one call come back to it. The stream gets an event id, and the answer is kept while the client is away. */
export class Priming implements Resumable {
  readonly #call: PrimedPost;
  #timer: NodeJS.Timeout | undefined;
  #eventId: string | null = null;
  #kept: KeptResponse | null = null;
  /** The event that was passed on last. */
  #last: Buffer | string | null = null;
  credentials: string | null = null;

  constructor(call: PrimedPost) {
    this.#call = call;
  }

  /** The replica's stream is open; the client's will be with its first event, or with the event id. */
  begun(): void {
    const { asked, client, destination, request, view } = this.#call;
    if (this.#eventId !== null) return;
    clearTimeout(this.#timer);
    const revision = request.incoming.headers[HEADER.protocolVersion];
    const isResumable = typeof revision === 'string' && revision >= FIRST_REVISION && view.policy.guard.length === 2;
    if (!isResumable || destination?.at !== 'session' || request.digest === null) return;
    if (asked.rpc.kind === 'single') this.#timer = setTimeout(() => client.guard(() => this.#prime()), PRIME_AFTER_MS);
  }

  /** True: the call goes on without its client for a while. */
  clientGone(client: ClientAnswer): boolean {
    const call = this.#call;
    if (this.#eventId === null || this.#kept !== null || client !== call.client || client.isMidEvent) return false;
    const room = call.ctx.primed.kept.enter(clientAddress(call.request.incoming.headers));
    if (!room) return false;
    const kept = new KeptResponse(room);
    this.#kept = kept;
    call.attach(client.movedTo(kept, call.ctx.now()));
    this.#timer = setTimeout(() => {
      kept.takeOut();
      this.#forget();
      call.over(0, false, 'cancelled');
    }, KEEP_MS).unref();
    return true;
  }

  /** Part of the answer is passed on. */
  forwarded(bytes: Buffer | string, isWhole: boolean): void {
    if (this.#eventId === null) return;
    const isPiece = !isWhole || this.#call.client.isMidEvent;
    this.#last = isPiece ? null : bytes;
  }

  resume(client: ClientAnswer): boolean {
    const call = this.#call;
    const former = call.client;
    const kept = this.#kept;
    clearTimeout(this.#timer);
    this.#kept = null;
    if (kept?.destroyed || former.isMidEvent) {
      // The beginning of an event went to a connection that is dead, or there was no room for all of it.
      kept?.takeOut();
      this.#forget();
      former.cut();
      return false;
    }
    client.openSse(200, {}, call.ctx.now());
    client.listCut = null;
    if (this.#eventId !== null) client.write(primingEvent(this.#eventId), call.ctx.now());
    if (kept) client.write(kept.takeOut(), call.ctx.now());
    if (call.isOver) {
      this.#forget();
      client.end();
      return true;
    }
    client.listCut = former.listCut;
    call.attach(client);
    if (!kept) former.cut(); // Its connection is dead, and nobody here had heard of it.
    return true;
  }

  /** The call is over; what was kept of it waits for its client. */
  over(): void {
    if (this.#kept !== null) return;
    clearTimeout(this.#timer);
    this.#forget();
    const { asked, ctx, request } = this.#call;
    const idText = asked.messages[0]?.idText;
    if (this.#last === null || !asked.isComplete || request.digest === null || typeof idText !== 'string') return;
    ctx.primed.keepAnswer(request.digest, idText, this.#last, { credentials: this.credentials, nowMs: ctx.now });
  }

  #prime(): void {
    const { asked, client, ctx, destination, isOver, isSafe, request, view } = this.#call;
    const [message] = asked.messages;
    // A server that gives ids of its own keeps its events itself.
    if (isOver || !client.isStream || client.isMidEvent || asked.lastEventId !== null || asked.isComplete) return;
    if (destination?.at !== 'session' || request.digest === null || typeof message?.idText !== 'string') return;
    const { slot } = destination.target.replica;
    const relay = holderName(ctx.ownRelay);
    const about = { idText: message.idText, slot, relay, isSafe, body: this.#body() };
    this.#eventId = eventIdOf(ctx.identities, request.digest, about);
    client.write(primingEvent(this.#eventId), ctx.now());
    this.credentials = ctx.identities.credentialsOf(request.incoming.rawHeaders, view.policy);
    ctx.primed.add(request.digest, message.idText, this);
  }

  /** What has been lost with one gateway already is not given to a third. */
  #body(): string | null {
    const { isSafe, received, request } = this.#call;
    return isSafe && !request.mayHaveRun && received.length <= MAX_BODY_BYTES ? received.toString() : null;
  }

  #forget(): void {
    const { asked, ctx, request } = this.#call;
    const idText = asked.messages[0]?.idText;
    if (request.digest !== null && typeof idText === 'string') ctx.primed.delete(request.digest, idText, this);
  }
}

/** Says nothing but its id, and when to come back. */
const primingEvent = (id: string): string => `retry: ${RETRY_MS}\n${sseEvent('', { id })}`;
