import type { Recovered } from '../../recovery/recovery-request.ts';

/** Pauses between attempts, doubling, in ms. */
const FIRST_MS = 250;
const LAST_MS = 5000;
/** A server that ends its streams sooner than this, in ms, means it. */
export const SHORT_LIFE_MS = 1000;
/** Something that lived this long, in ms, was no failed attempt: the next pause is the first one again. */
const SETTLED_MS = 30_000;
/** Recoveries of one stream without an event, or `SETTLED_MS` of life, between them. */
const MAX_RECOVERIES = 2;
/** Times that a stream is asked for whose client has heard nothing yet. */
const MAX_ATTEMPTS = 4;

/** How a held stream comes back: how long it waits, and how often its session is rebuilt for it. */
export class BackOff {
  #nextMs = FIRST_MS;
  #recoveries = 0;
  #attempts = 0;

  /** False: its client has waited through enough attempts. */
  mayAsk(): boolean {
    return ++this.#attempts <= MAX_ATTEMPTS;
  }

  /** The pause before the next attempt, in ms. */
  pauseMs(): number {
    const pauseMs = this.#nextMs;
    this.#nextMs = Math.min(pauseMs * 2, LAST_MS);
    return pauseMs;
  }

  /** False: it was rebuilt often enough, and each time for nothing. */
  get mayRecover(): boolean {
    return this.#recoveries < MAX_RECOVERIES;
  }

  /** Notes when its session was rebuilt. What finds no replica to rebuild it on costs nobody anything and does not count. */
  async counted(recovery: Promise<Recovered>): Promise<Recovered> {
    const recovered = await recovery;
    if (recovered.kind === 'recovered') this.#recoveries += 1;
    return recovered;
  }

  /** The stream carried an event. */
  heard(): void {
    this.#recoveries = 0;
  }

  /** The stream was open for `livedMs`. */
  ended(livedMs: number): void {
    if (livedMs < SETTLED_MS) return;
    this.#nextMs = FIRST_MS;
    this.#recoveries = 0;
  }
}
