/** Recoveries that wait at one gateway for one server; more are refused. Each is a held request of a client, so 20,000 is a bound on memory, not on hope. */
export const MAX_WAITING = 20_000;

export type Admission = 'admitted' | 'full' | 'timeout';
/** `triggered`: a client waits for it. `background`: a held stream is to be put back. */
export type Urgency = 'triggered' | 'background';

interface Waiter {
  admit(admission: Admission): void;
  isGone: boolean;
}

/** Bounds how many recoveries of one server run at a time; those that a client waits for go first, each kind in order of arrival. */
export class AdmissionQueue {
  #running = 0;
  #waiting = 0;
  readonly #lanes: Record<Urgency, Waiter[]> = { triggered: [], background: [] };
  readonly #changed: (waiting: number, running: number) => void;

  constructor(changed: (waiting: number, running: number) => void = () => undefined) {
    this.#changed = changed;
  }

  get waiting(): number {
    return this.#waiting;
  }
  get running(): number {
    return this.#running;
  }

  enter(urgency: Urgency, concurrency: number, waitMs: number): Promise<Admission> {
    if (this.#running < concurrency && this.#waiting === 0) {
      this.#running++;
      this.#changed(this.#waiting, this.#running);
      return Promise.resolve('admitted');
    }
    if (this.#waiting >= MAX_WAITING) return Promise.resolve('full');
    return new Promise((resolve) => {
      const waiter: Waiter = {
        isGone: false,
        admit: (admission) => {
          clearTimeout(timer);
          this.#waiting--;
          this.#changed(this.#waiting, this.#running);
          resolve(admission);
        },
      };
      const timer = setTimeout(
        () => {
          waiter.isGone = true; // its place in the lane is passed over when its turn comes
          waiter.admit('timeout');
        },
        Math.max(0, waitMs),
      );
      this.#lanes[urgency].push(waiter);
      this.#waiting++;
      this.#changed(this.#waiting, this.#running);
      this.#fill(concurrency);
    });
  }

  leave(concurrency: number): void {
    this.#running--;
    this.#fill(concurrency);
    this.#changed(this.#waiting, this.#running);
  }

  #fill(concurrency: number): void {
    while (this.#running < concurrency) {
      const next = this.#next(this.#lanes.triggered) ?? this.#next(this.#lanes.background);
      if (!next) return;
      this.#running++;
      next.admit('admitted');
    }
  }

  #next(lane: Waiter[]): Waiter | undefined {
    let waiter = lane.shift();
    while (waiter?.isGone) waiter = lane.shift();
    return waiter;
  }
}
