import type { AnswerSink } from '../client/answer-sink.ts';
import type { Room } from './kept-bytes.ts';

/** Keeps what an answer says while its client is away. What is too much breaks it off, as a client does that goes away. */
export class KeptResponse implements AnswerSink {
  readonly #pieces: Buffer[] = [];
  readonly #onClose: (() => void)[] = [];
  readonly #room: Room;
  destroyed = false;
  writableEnded = false;
  readonly writableLength = 0;

  constructor(room: Room) {
    this.#room = room;
  }

  get writableFinished(): boolean {
    return this.writableEnded;
  }
  /** What was said so far; it is not kept any longer. */
  takeOut(): Buffer {
    this.#room.release();
    return Buffer.concat(this.#pieces.splice(0));
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
    if (this.#room.take(piece.length)) this.#pieces.push(piece);
    else this.destroy();
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
