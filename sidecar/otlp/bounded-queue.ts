import type { Exporter } from './collector-exporter.ts';

/** Counts what the SDK's own queue would drop without saying so: items that were queued and not handed to the exporter yet. */
export class BoundedQueue<Item> {
  readonly #most: number;
  readonly #onDropped: (count: number) => void;
  #queued = 0;

  constructor(exporter: Exporter<Item>, most: number, onDropped: (count: number) => void) {
    this.#most = most;
    this.#onDropped = onDropped;
    const { export: send } = exporter;
    exporter.export = (items, done) => {
      this.#queued -= items.length;
      send.call(exporter, items, done);
    };
  }

  /** Whether there is room for one more; it counts as queued then. */
  take(): boolean {
    if (this.#queued >= this.#most) {
      this.#onDropped(1);
      return false;
    }
    this.#queued++;
    return true;
  }
}
