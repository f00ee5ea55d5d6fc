import { detach } from '../../proto/detach.ts';

/** What requests that begin something may take of one turn of the event loop, all together. */
const MS_PER_TURN = 1;

/**
 * What a piece of work counts for at least, in ms. Most of its cost comes later, when Redis and replicas answer, and cannot be measured
 * here. A call without a session, a body that is to be read, a stream or a session that begins.
 */
export const LEAST_MS = { call: 0.1, body: 0.3, beginning: 0.5 } as const;

interface Work {
  run: () => void;
  leastMs: number;
}

/** What is left of work that was taken back. */
const NOTHING: Work = { run: () => undefined, leastMs: 0 };

/**
 * Shares the event loop among requests that begin something: sessions, streams, calls without a session. A thousand that arrive at once would keep
 * the calls of every session waiting for as long as all of them take. What is beyond its share of a turn waits, one queue for each client address,
 * and the addresses take turns. Nothing waits while the loop is not busy.
 */
export class Turns {
  readonly #now: () => number;
  readonly #later: (run: () => void) => void;
  readonly #contained: (error: unknown) => void;
  /** The address whose turn is next stands first. */
  readonly #queues = new Map<string, Work[]>();
  #spentMs = 0;
  #isTurnDue = false;

  /** `now`: milliseconds, finer than one. `later`: after what is due in the event loop now. `contained` hears what a piece of work throws. */
  constructor(
    contained: (error: unknown) => void,
    now: () => number = () => performance.now(),
    later: (run: () => void) => void = setImmediate,
  ) {
    this.#contained = contained;
    this.#now = now;
    this.#later = later;
  }

  /** Pieces of work that wait. */
  get waiting(): number {
    let count = 0;
    for (const queue of this.#queues.values()) count += queue.length;
    return count;
  }

  /**
   * Runs a piece of work now, or when the turn of its address has come. Null when it was run; else what takes it back, with all that it
   * holds: its place costs nothing then.
   */
  run(address: string, leastMs: number, run: () => void): (() => void) | null {
    const work = { run, leastMs };
    if (this.#queues.size === 0 && this.#spentMs < MS_PER_TURN) {
      this.#do(work);
      return null;
    }
    const queue = this.#queues.get(address);
    if (queue) queue.push(work);
    else this.#queues.set(address, [work]);
    this.#await();
    return () => Object.assign(work, NOTHING);
  }

  #do({ run, leastMs }: Work): void {
    const startedMs = this.#now();
    detach(run, this.#contained);
    this.#spentMs += Math.max(leastMs, this.#now() - startedMs);
    this.#await();
  }

  #await(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    this.#later(() => this.#turn());
  }

  #turn(): void {
    this.#isTurnDue = false;
    this.#spentMs = 0;
    while (this.#spentMs < MS_PER_TURN) {
      const [first] = this.#queues;
      if (!first) return;
      const [address, queue] = first;
      const work = queue.shift();
      this.#queues.delete(address);
      if (queue.length > 0) this.#queues.set(address, queue);
      if (work) this.#do(work);
    }
    if (this.#queues.size > 0) this.#await();
  }
}
