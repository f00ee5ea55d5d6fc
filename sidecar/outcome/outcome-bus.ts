import type { Outcome } from '../../proto/outcome.ts';

export type OutcomeSink = (outcome: Outcome) => void;

export interface OutcomeBusOptions {
  /** Outcomes that may wait; the newest beyond that are dropped and counted. */
  maxQueued?: number;
  /** Runs the drain after the current work: `setImmediate` in production. */
  schedule?: (drain: () => void) => void;
  /** Most outcomes handed out per turn, so that requests in between don't wait for a burst of log entries. */
  maxPerTurn?: number;
  onDropped?: (sink: string, count: number) => void;
  /** What a sink threw. */
  onError?: (error: unknown) => void;
  onQueued?: (count: number) => void;
}

/**
 * Hands every outcome to every sink, off the request path. A sink that throws loses that outcome (counted under its name) and nothing
 * else. Bounded: what doesn't fit is dropped and counted as `bus`, never waited for.
 */
export class OutcomeBus {
  readonly #sinks = new Map<string, OutcomeSink>();
  readonly #options: Required<OutcomeBusOptions>;
  #queue: Outcome[] = [];
  #next = 0;
  #isScheduled = false;
  #waiting: (() => void)[] = [];

  constructor({
    maxQueued = 20_000,
    maxPerTurn = 500,
    schedule = (drain) => {
      setImmediate(drain);
    },
    onDropped = () => {},
    onQueued = () => {},
    onError = () => {},
  }: OutcomeBusOptions = {}) {
    this.#options = { maxQueued, maxPerTurn, schedule, onDropped, onQueued, onError };
  }

  /** `name` is the label under which this sink's losses are counted. */
  subscribe(name: string, sink: OutcomeSink): void {
    this.#sinks.set(name, sink);
  }

  get queued(): number {
    return this.#queue.length - this.#next;
  }

  /** Whether a source that can wait should. */
  get isBusy(): boolean {
    return this.queued > this.#options.maxQueued / 2;
  }

  /** Resolves when a source that waited may go on. */
  whenIdle(): Promise<void> {
    if (!this.isBusy) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Takes one outcome; false when the queue is full. */
  publish(outcome: Outcome): boolean {
    if (this.queued >= this.#options.maxQueued) {
      this.#options.onDropped('bus', 1);
      return false;
    }
    this.#queue.push(outcome);
    this.#schedule();
    return true;
  }

  /** Hands out everything that waits, now: for shutdown and tests. */
  flush(): void {
    while (this.queued > 0) this.#turn();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.schedule(() => {
      this.#isScheduled = false;
      this.#turn();
      if (this.queued > 0) this.#schedule();
    });
  }

  #turn(): void {
    const end = Math.min(this.#queue.length, this.#next + this.#options.maxPerTurn);
    for (; this.#next < end; this.#next++) {
      const outcome = this.#queue[this.#next];
      if (outcome) this.#hand(outcome);
    }
    if (this.#next === this.#queue.length) {
      this.#queue = [];
      this.#next = 0;
    } else if (this.#next > this.#options.maxQueued) {
      this.#queue = this.#queue.slice(this.#next);
      this.#next = 0;
    }
    this.#options.onQueued(this.queued);
    if (this.#waiting.length > 0 && !this.isBusy) for (const resume of this.#waiting.splice(0)) resume();
  }

  #hand(outcome: Outcome): void {
    for (const [name, sink] of this.#sinks) {
      try {
        sink(outcome);
      } catch (error) {
        this.#options.onDropped(name, 1);
        this.#options.onError(error);
      }
    }
  }
}
