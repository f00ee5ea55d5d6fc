import { BackOff } from '../stream/back-off.ts';
import type { Release, StreamAdmission } from '../stream/stream-admission.ts';

type Admission = Pick<StreamAdmission, 'rejectedForMs' | 'tryRepeat' | 'isForbidden'>;

interface Asked {
  backOff: BackOff;
  wasSent: boolean;
  /** Not asked again before; null while its stream is open, or may be. */
  untilMs: number | null;
  openedMs: number | null;
  release: Release | null;
}

const neverAsked = (): Asked => ({
  backOff: new BackOff(),
  wasSent: false,
  untilMs: null,
  openedMs: null,
  release: null,
});

/** When each replica may be asked for one client's subscription: past its pause, with its breaker closed, and once more only within the retry budget. */
export class ListenPace {
  readonly #admission: Admission;
  readonly #random: () => number;
  /** By slot. */
  readonly #asked = new Map<string, Asked>();
  /** Times that a replica was asked. */
  attempts = 0;

  constructor(admission: Admission, random: () => number) {
    this.#admission = admission;
    this.#random = random;
  }

  /** Takes a place in the retry budget when it is no first attempt. `isFirst`: no other replica was to give the same. */
  mayAsk(slot: string, isFirst: boolean, nowMs: number): boolean {
    const asked = this.#asked.get(slot) ?? neverAsked();
    if (asked.untilMs !== null && asked.untilMs > nowMs) return false;
    this.#asked.set(slot, asked);
    const rejectedMs = this.#admission.rejectedForMs(slot);
    if (rejectedMs !== null) {
      asked.untilMs = nowMs + rejectedMs;
      return false;
    }
    if (asked.wasSent || !isFirst) {
      asked.release = this.#admission.tryRepeat();
      if (!asked.release) {
        asked.untilMs = nowMs + asked.backOff.pauseMs();
        return false;
      }
    }
    asked.wasSent = true;
    this.attempts += 1;
    return true;
  }

  /** Its answer began. */
  opened(slot: string, nowMs: number): void {
    const asked = this.#asked.get(slot);
    if (!asked) return;
    asked.openedMs = nowMs;
    asked.untilMs = null;
    this.#leave(asked);
  }

  /** Its stream ended, or never began. */
  ended(slot: string, nowMs: number): void {
    const asked = this.#asked.get(slot);
    if (!asked) return;
    this.#leave(asked);
    if (asked.openedMs !== null) asked.backOff.ended(nowMs - asked.openedMs);
    asked.openedMs = null;
    // Half of the pause by chance, so that those who failed together do not come together.
    const pauseMs = asked.backOff.pauseMs();
    asked.untilMs = nowMs + pauseMs / 2 + this.#random() * (pauseMs / 2);
  }

  /** Slots whose pause is not over. */
  resting(nowMs: number): Set<string> {
    return new Set([...this.#asked].filter(([, { untilMs }]) => (untilMs ?? 0) > nowMs).map(([slot]) => slot));
  }

  /** A replica whose stream broke may be back soon. */
  get hasBroken(): boolean {
    return [...this.#asked.values()].some(({ untilMs }) => untilMs !== null);
  }

  /** Nothing that ended comes back. */
  get isForbidden(): boolean {
    return this.#admission.isForbidden;
  }

  keepOnly(isThere: (slot: string) => boolean): void {
    for (const [slot, asked] of this.#asked) {
      if (isThere(slot)) continue;
      this.#leave(asked);
      this.#asked.delete(slot);
    }
  }

  close(): void {
    for (const asked of this.#asked.values()) this.#leave(asked);
  }

  #leave(asked: Asked): void {
    asked.release?.();
    asked.release = null;
  }
}
