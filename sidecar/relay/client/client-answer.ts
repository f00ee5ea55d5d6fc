import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { detach } from '../../../proto/detach.ts';
import type { AnswerCut } from '../../authorization/answer-cut.ts';
import type { RpcBody } from '../../../proto/json-rpc.ts';
import type { RpcError } from '../../../proto/rpc-error.ts';
import { DEFAULT_KEEP_ALIVE_MS } from '../../../proto/server-policy.ts';
import { SSE_KEEPALIVE, sseMessage } from '../../../proto/sse-writer.ts';
import { atTurnEnd } from '../../../proto/turn-end.ts';
import { HEADER } from '../../../proto/wire.ts';
import type { AnswerSink } from './answer-sink.ts';
import { clientHeaders } from './client-headers.ts';
import { meshErrors, requestIds } from './mesh-errors.ts';

/** Seconds after which a client may ask again when no replica can take its request now. */
const RETRY_AFTER_SECONDS = 1;
const NOTHING = Buffer.alloc(0);
const SSE_HEADERS: OutgoingHttpHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

/** A server's comments before its first event are a few bytes; more of them open the stream. */
const MAX_EARLY_BYTES = 4096;

/** The response to the client: knows what was said already, and so what can still be said. */
export class ClientAnswer {
  readonly #response: AnswerSink;
  #clientId: string | null;
  readonly #open: Set<ClientAnswer>;
  #state: 'nothing' | 'sse' | 'bytes' | 'over' = 'nothing';
  #isMidEvent = false;
  /** Opens the stream whose head waits for its first event. */
  #openHead: (() => void) | null = null;
  /** What came before that event and says nothing by itself: comments, and the time to wait before a reconnect. */
  #early: Buffer = NOTHING;
  readonly #onGone: Array<() => void> = [];
  lastWriteMs = 0;
  /** A comment goes out when nothing did for this long; the server's `timeouts.keepAliveMs`. */
  keepAliveMs = DEFAULT_KEEP_ALIVE_MS;
  /** When the token of its request ends (ms since the epoch); null: never. */
  endsAtMs: number | null = null;
  /** Set while a request waits for this answer: ends it with an error when the relay can wait no longer. */
  giveUp: (() => void) | null = null;
  /** Set by whoever handles the request: lets go of what it holds, and answers, after an exception in its own code. */
  onCrash: (() => void) | null = null;
  /** What the client asked, for the error that an exception becomes. */
  asks: RpcBody | null = null;
  /** Leaves out of lists what the client may not use (sidecar/authorization). */
  listCut: AnswerCut | null = null;
  status = 0;
  readonly #contained: (error: unknown) => void;
  #hasCrashed = false;

  /**
   * `open`: the streams that want keep-alive comments. `clientId`: the session id that the client knows. `contained` hears of exceptions in the code
   * that handles this request.
   */
  constructor(
    response: AnswerSink,
    clientId: string | null,
    open: Set<ClientAnswer>,
    contained: (error: unknown) => void,
  ) {
    this.#response = response;
    this.#clientId = clientId;
    this.#open = open;
    this.#contained = contained;
  }

  /** Runs a piece of the request's handling. What it throws, or rejects with, ends this one request with an error. */
  guard(work: () => unknown): void {
    detach(work, (error) => this.#crash(error));
  }

  #crash(error: unknown): void {
    this.#contained(error);
    if (this.#hasCrashed) return;
    this.#hasCrashed = true;
    const { onCrash } = this;
    if (onCrash) detach(onCrash, this.#contained);
    if (this.isOver) return;
    detach(() => {
      const rpc = this.asks;
      const facts = { outcome: 'sent_no_response', retrySafe: false, attempts: 0 } as const;
      this.errors(500, meshErrors('internal', requestIds(rpc), facts), rpc?.kind === 'batch');
    }, this.#contained);
    if (!this.isOver) this.cut();
  }

  /** Nothing was sent, so the status is still free to choose. */
  get isFresh(): boolean {
    return this.#state === 'nothing';
  }
  /** An event stream that is open, or about to be. */
  get isStream(): boolean {
    return this.#state === 'sse' || this.#openHead !== null;
  }
  get isOver(): boolean {
    return this.#state === 'over' || this.#response.destroyed;
  }

  onDrain(run: () => void): void {
    this.#response.on('drain', () => this.guard(run));
  }
  /** Runs when the client went away before the answer was complete. */
  onGone(run: () => void): void {
    this.#onGone.push(run);
    this.#response.on('close', () => {
      if (!this.#response.writableFinished) {
        this.#over();
        this.guard(run);
      }
    });
  }

  /** The same answer on another response, while its client is away: from the next event on. */
  movedTo(response: AnswerSink, nowMs: number): ClientAnswer {
    const moved = new ClientAnswer(response, this.#clientId, new Set(), this.#contained);
    moved.openSse(this.status, {}, nowMs);
    [moved.asks, moved.listCut] = [this.asks, this.listCut];
    return moved;
  }

  /** Part of an event was written. */
  get isMidEvent(): boolean {
    return this.#isMidEvent;
  }

  openSse(status: number, headers: IncomingHttpHeaders, nowMs: number): void {
    this.#head(status, { ...SSE_HEADERS, ...clientHeaders(headers, this.#clientId) });
    this.#state = 'sse';
    // the first event often comes with the head, and then goes out in the same packet
    process.nextTick(() => {
      if (!this.#response.writableEnded && this.#response.writableLength === 0) this.#response.flushHeaders();
    });
    this.lastWriteMs = nowMs;
    this.#open.add(this);
  }

  /**
   * The same with the first event, or when a comment is due. Until then the client has heard nothing. So when the
   * gateway dies, an edge can answer with an error, or the client's own connection fails. Official clients wait for a
   * minute on an open stream.
   */
  openSseLater(status: number, headers: IncomingHttpHeaders, nowMs: number): void {
    this.#early = NOTHING;
    this.#openHead = () => {
      this.openSse(status, headers, nowMs);
      if (this.#early.length > 0) this.#response.write(this.#early);
      this.#early = NOTHING;
    };
    this.lastWriteMs = nowMs;
    this.#open.add(this);
  }

  /** Keeps what says nothing until the stream is opened. False: it is open, or has kept enough. */
  keepEarly(bytes: Buffer): boolean {
    if (this.#openHead === null || this.#early.length + bytes.length > MAX_EARLY_BYTES) return false;
    this.#early = Buffer.concat([this.#early, bytes]);
    return true;
  }

  /** The stream of `openSseLater` is not opened: the next attempt may answer otherwise. */
  forgetHead(): void {
    this.#openHead = null;
    this.#early = NOTHING;
  }

  openBytes(status: number, headers: IncomingHttpHeaders): void {
    this.#head(status, clientHeaders(headers, this.#clientId));
    this.#state = 'bytes';
  }

  /** The id of the session that this answer begins. */
  nameSession(clientId: string): void {
    this.#clientId = clientId;
  }

  /** False: the client reads slower than the replica writes; wait for drain. `isWhole` is false inside an event that comes in pieces. */
  write(bytes: Buffer | string, nowMs: number, isWhole = true): boolean {
    if (this.isOver) return true;
    this.#openHead?.();
    this.lastWriteMs = nowMs;
    this.#isMidEvent = !isWhole;
    this.#holdWrites();
    return this.#response.write(this.listCut ? this.listCut.next(bytes, this.#state === 'sse') : bytes);
  }

  /**
   * What is written in one turn of the event loop goes out as one. That is the head, its first event, and the end if
   * that has come as well.
   */
  #holdWrites(): void {
    const { socket } = this.#response;
    if (!socket || socket.writableCorked > 0) return;
    socket.cork();
    atTurnEnd(() => socket.uncork());
  }

  keepalive(nowMs: number): void {
    if (!this.#isMidEvent) this.write(SSE_KEEPALIVE, nowMs);
  }

  /** The complete answer at once. */
  whole(status: number, headers: IncomingHttpHeaders, answer: Buffer): void {
    const body = this.listCut ? this.listCut.whole(answer) : answer;
    this.listCut = null;
    this.#head(status, {
      ...clientHeaders(headers, this.#clientId),
      ...(status === 204 ? {} : { 'content-length': body.length }),
    });
    this.end(body);
  }

  accepted(): void {
    this.#head(202, {});
    this.end();
  }

  /** JSON-RPC errors as the answer, or as the last events of the stream that is open. `isBatch`: the client sent an array and gets one. */
  errors(status: number, errors: RpcError[], isBatch = false, extra: Record<string, string | number> = {}): void {
    if (this.isOver) return;
    this.#openHead?.();
    if (this.#state === 'sse' && !this.#isMidEvent) return this.end(errors.map(sseMessage).join(''));
    if (this.#state !== 'nothing') return this.cut();
    const body = JSON.stringify(isBatch ? errors : errors[0]);
    this.#head(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...(status === 503 && { 'retry-after': String(RETRY_AFTER_SECONDS) }),
      ...extra,
    } as OutgoingHttpHeaders);
    this.end(body);
  }

  /** The errors as a complete answer with status 200: JSON, or events where the request accepts nothing else. */
  errorResults(errors: RpcError[], isBatch: boolean, { headers }: Pick<IncomingMessage, 'headers'>): void {
    const accepts = headers.accept ?? '';
    if (!this.isFresh || !accepts.includes('text/event-stream') || /application\/json|\*\/\*/.test(accepts))
      return this.errors(200, errors, isBatch);
    this.#head(200, SSE_HEADERS);
    this.end(errors.map(sseMessage).join(''));
  }

  end(last?: Buffer | string): void {
    if (this.isOver) return;
    this.#openHead?.();
    const rest = this.listCut?.last() ?? NOTHING;
    this.#over();
    atTurnEnd(() => this.guard(() => this.#finish(rest, last)));
  }

  #finish(rest: Buffer, last: Buffer | string | undefined): void {
    if (this.#response.destroyed) return;
    if (rest.length > 0) this.#response.write(rest);
    if (last === undefined || last.length === 0) this.#response.end();
    else this.#response.end(last);
  }

  /** Ends a stream whose client may no longer have it; who holds it hears of that as if the client had gone. */
  expire(): void {
    if (this.isOver) return;
    this.end();
    for (const run of this.#onGone) this.guard(run);
  }

  /** Breaks the connection: part of an answer was sent, and nothing sensible can follow it. */
  cut(): void {
    this.#over();
    this.#response.destroy();
  }

  #head(status: number, headers: OutgoingHttpHeaders): void {
    this.#openHead = null;
    this.status = status;
    this.#response.writeHead(status, status === 404 ? { ...headers, [HEADER.isFinal]: 'true' } : headers);
  }

  #over(): void {
    this.#openHead = null;
    this.#state = 'over';
    this.#open.delete(this);
  }
}

/** How often open streams are looked at: a comment comes this much later than its time at most. */
const LOOK_MS = 1000;

/** Keeps every open stream of a relay alive with one timer. Returns what stops it. */
export function keepStreamsAlive(open: ReadonlySet<ClientAnswer>, now: () => number, lookMs = LOOK_MS): () => void {
  const timer = setInterval(() => {
    const nowMs = now();
    for (const answer of open)
      if (nowMs - answer.lastWriteMs >= answer.keepAliveMs) answer.guard(() => answer.keepalive(nowMs));
  }, lookMs).unref();
  return () => clearInterval(timer);
}
