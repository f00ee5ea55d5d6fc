import type { AnswerSink } from '../client/answer-sink.ts';

/** Bytes of one answer that are kept for a client that comes back. */
const MAX_KEPT_BYTES = 1 << 20;

/** Keeps what an answer says while its client is away. What is too much breaks it off, as a client does that goes away. */
export class KeptResponse implements AnswerSink {
  readonly #pieces: Buffer[] = [];
  readonly #onClose: (() => void)[] = [];
  #bytes = 0;
  destroyed = false;
  writableEnded = false;
  readonly writableLength = 0;

  get writableFinished(): boolean {
    return this.writableEnded;
  }
  /** What was said so far. */
  get said(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  writeHead(): void {
    /* the client that comes back gets a head of its own */
  }
  flushHeaders(): void {
    /* as above */
  }

  write(bytes: Buffer | string): boolean {
    if (this.destroyed) return true;
    const piece = Buffer.from(bytes);
    this.#bytes += piece.length;
    if (this.#bytes > MAX_KEPT_BYTES) this.destroy();
    else this.#pieces.push(piece);
    return true;
  }

  end(last?: Buffer | string): void {
    if (last !== undefined) this.write(last);
    this.writableEnded = true;
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    // As a connection does: after whoever broke it off is done.
    for (const run of this.#onClose) queueMicrotask(run);
  }

  on(event: 'drain' | 'close', listener: () => void): void {
    if (event === 'close') this.#onClose.push(listener);
  }
}
