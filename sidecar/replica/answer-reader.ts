import type { IncomingHttpHeaders } from 'node:http';
import { isEventStream, withoutByteOrderMark } from '../../proto/http/answer-form.ts';
import { SseReader, type SseEvent } from '../../proto/sse-reader.ts';
import type { ReplicaFailure, AnswerSink } from './client.ts';

/** What an exchange hears of the replica's answer. Exactly one of onWhole, onFinished and onFailure comes last. */
export interface AnswerListener {
  onSse(status: number, headers: IncomingHttpHeaders): void;
  onEvent(event: SseEvent): void;
  /** Part of an event that is too large to be read. */
  onPiece(bytes: Buffer, isLast: boolean): void;
  /** A complete answer that is no stream. */
  onWhole(status: number, headers: IncomingHttpHeaders, body: Buffer): void;
  /** An answer too large to be held: its bytes follow. */
  onBytes(status: number, headers: IncomingHttpHeaders): void;
  /** A stream, or what onBytes began, ended as it should. `isCut`: in the middle of an event. */
  onFinished(isCut: boolean): void;
  onFailure(failure: ReplicaFailure): void;
}

/** Runs a piece of work; what it throws ends one request. */
export interface Guard {
  guard(work: () => unknown): void;
}

/** An event up to this size is read and forwarded when it is whole; a larger one passes unread as it comes. */
const MAX_EVENT_BYTES = 4 << 20;
/** A JSON answer up to this size is held until it is whole, so that a replica dying within it can be repaired. */
const MAX_HELD_BYTES = 4 << 20;

/** Sorts a replica's answer: a stream of events, a whole body, or too many bytes to hold. */
export class AnswerReader implements AnswerSink {
  readonly #listener: AnswerListener;
  readonly #guard: Guard;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #sse: SseReader | null = null;
  #held: Buffer[] | null = null;
  #heldBytes = 0;

  /** `guard` runs what hears of a failure, so that an exception there still ends in an answer. */
  constructor(listener: AnswerListener, guard: Guard) {
    this.#listener = listener;
    this.#guard = guard;
  }

  onHead(status: number, headers: IncomingHttpHeaders): void {
    this.#status = status;
    this.#headers = headers;
    if (isEventStream(headers['content-type']) && status < 300 && headers['content-encoding'] === undefined) {
      this.#sse = new SseReader(
        {
          event: (event) => this.#listener.onEvent(event),
          oversize: (bytes, isLast) => this.#listener.onPiece(bytes, isLast),
        },
        MAX_EVENT_BYTES,
      );
      this.#listener.onSse(status, headers);
    } else if (Number(headers['content-length'] ?? 0) > MAX_HELD_BYTES) this.#listener.onBytes(status, headers);
    else this.#held = [];
  }

  onData(chunk: Buffer): void {
    if (this.#sse) return this.#sse.push(chunk);
    if (!this.#held) return this.#listener.onPiece(chunk, true);
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes <= MAX_HELD_BYTES) return;
    const pieces = this.#held;
    this.#held = null;
    this.#listener.onBytes(this.#status, this.#headers);
    for (const piece of pieces) this.#listener.onPiece(piece, true);
  }

  onEnd(): void {
    if (!this.#held) return this.#listener.onFinished(this.#sse?.isInsideOversize ?? false);
    const [first] = this.#held;
    const body = this.#held.length === 1 && first ? first : Buffer.concat(this.#held);
    this.#listener.onWhole(this.#status, this.#headers, withoutByteOrderMark(body));
  }

  onFailure(failure: ReplicaFailure): void {
    this.#guard.guard(() => this.#listener.onFailure(failure));
  }
}
