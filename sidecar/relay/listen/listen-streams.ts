/** One subscription, as the timer sees it. */
export interface OpenSubscription {
  look(): void;
  close(): void;
}

/** How often open streams are compared with the fleet. */
const LOOK_MS = 250;
/** Streams that one relay holds; each takes a connection to every replica. */
const MAX_STREAMS = 5000;

/** The `subscriptions/listen` streams that this relay holds. One timer looks after all of them, and runs only while there are any. */
export class ListenStreams {
  readonly #streams = new Set<OpenSubscription>();
  #timer: NodeJS.Timeout | null = null;

  get size(): number {
    return this.#streams.size;
  }

  /** False: there are too many. */
  add(stream: OpenSubscription): boolean {
    if (this.#streams.size >= MAX_STREAMS) return false;
    this.#streams.add(stream);
    this.#timer ??= setInterval(() => {
      for (const each of this.#streams) each.look();
    }, LOOK_MS);
    return true;
  }

  delete(stream: OpenSubscription): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0 || !this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
  }
}
