import type { Touch } from './session-store.ts';

/** The latest activity of each session since the last flush, bounded: beyond that, touches are passed over (the next one comes soon). */
export class TouchBatch {
  readonly #maxTouches: number;
  #touches = new Map<string, Touch>();

  constructor(maxTouches: number) {
    this.#maxTouches = maxTouches;
  }

  add(touch: Touch): void {
    const key = `${touch.server}:${touch.digest}`,
      known = this.#touches.get(key);
    if (known) known.atMs = Math.max(known.atMs, touch.atMs);
    else if (this.#touches.size < this.#maxTouches) this.#touches.set(key, { ...touch });
  }

  drop(server: string, digest: string): void {
    this.#touches.delete(`${server}:${digest}`);
  }

  take(): Touch[] {
    const touches = [...this.#touches.values()];
    this.#touches = new Map();
    return touches;
  }
}
