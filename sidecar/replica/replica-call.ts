import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import type { DeliveryOutcome } from '../../proto/rpc-error.ts';
import { FairReads, type FairReader } from '../budget/fair-reads.ts';

export interface ReplicaFailure {
  delivery: DeliveryOutcome;
  code: string;
  cause: Error;
}

/** `ReplicaFailure.code` of an exception in whoever reads the answer: no replica's fault. */
export const INTERNAL_FAILURE = 'HOLDFAST_INTERNAL';

/** Whoever reads the answer. Nothing is called after `onEnd`, `onFailure` or `abort()`. */
export interface AnswerSink {
  onHead(status: number, headers: IncomingHttpHeaders): void;
  onData(chunk: Buffer): void;
  onEnd(): void;
  onFailure(failure: ReplicaFailure): void;
}

/** Who sent the request, and counts it. */
export interface CallOwner {
  /** The replica took the connection. */
  answered(): void;
  /** The replica refused the connection. */
  refused(): void;
  over(): void;
}

/** One request on its way, and undici's handler of it in one object. */
export class ReplicaCall implements Dispatcher.DispatchHandler, FairReader {
  readonly #sink: AnswerSink;
  readonly #owner: CallOwner;
  readonly #contained: (error: unknown) => void;
  #hasFailed = false;
  #controller: Dispatcher.DispatchController | null = null;
  #isOver = false;
  /** The request began to be written to a connection: from here on nobody knows whether it was read. */
  wasSent = false;
  #hasHead = false;
  bytesRead = 0;
  readonly #reads: FairReads;
  /** Whoever reads the answer has no room for more. */
  #isHeld = false;
  #isWaiting = false;

  /** `contained` hears what the sink throws. */
  constructor(sink: AnswerSink, owner: CallOwner, contained: (error: unknown) => void, reads = new FairReads()) {
    this.#reads = reads;
    this.#sink = sink;
    this.#owner = owner;
    this.#contained = contained;
  }

  abort(): void {
    if (this.#isOver) return;
    this.#over();
    this.#controller?.abort(new Error('the relay gave the call up'));
  }
  pause(): void {
    this.#isHeld = true;
    this.#controller?.pause();
  }
  resume(): void {
    this.#isHeld = false;
    if (!this.#isWaiting) this.#controller?.resume();
  }
  goOn(): void {
    this.#isWaiting = false;
    if (!this.#isHeld) this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isOver) controller.abort(new Error('the relay gave the call up'));
    else this.wasSent = true;
  }
  onRequestUpgrade(): void {
    this.#controller?.abort(new Error('a replica must not upgrade'));
  }
  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (this.#isOver || status < 200) return;
    this.#hasHead = true;
    this.#owner.answered();
    this.#tell(() => this.#sink.onHead(status, headers));
  }
  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return;
    this.#tell(() => this.#sink.onData(chunk));
    if (this.#isOver || !this.#reads.mustWait(this, chunk.length)) return;
    this.#isWaiting = true;
    this.#controller?.pause();
  }
  onResponseEnd(): void {
    if (this.#isOver) return;
    this.#over();
    this.#tell(() => this.#sink.onEnd());
  }
  onResponseError(_controller: Dispatcher.DispatchController, cause: Error & { code?: string }): void {
    if (this.#isOver) return;
    this.#over();
    if (cause.code === 'ECONNREFUSED') this.#owner.refused();
    this.#tell(() => this.#sink.onFailure(this.#failure(cause.code ?? cause.name, cause)));
  }

  /**
   * Runs one call of the sink. undici swallows what its callbacks throw, and the call would never end. The sink therefore gets one failure
   * instead, which blames no replica.
   */
  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#contained(error);
      if (this.#hasFailed) return;
      this.#hasFailed = true;
      if (!this.#isOver) this.abort();
      const cause = error instanceof Error ? error : new Error(String(error));
      this.#tell(() => this.#sink.onFailure(this.#failure(INTERNAL_FAILURE, cause)));
    }
  }

  #failure(code: string, cause: Error): ReplicaFailure {
    const delivery = this.#hasHead ? 'partial_response' : this.wasSent ? 'sent_no_response' : 'not_sent';
    return { delivery, code, cause };
  }

  #over(): void {
    this.#isOver = true;
    this.#reads.leave(this);
    this.#owner.over();
  }
}
