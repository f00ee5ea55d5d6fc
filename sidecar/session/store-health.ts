import type { Clock } from './clock.ts';
import type { SessionStore } from './session-store.ts';
import { StoreError, type StoreErrorCode } from './store-error.ts';

export type Asked<T> = { kind: 'answered'; value: T } | { kind: 'late'; eventually: Promise<T> } | { kind: 'away' };

/** Slow answers in a row after which the store counts as away: each of them cost a client its wait. */
const SLOW_IN_A_ROW = 5;
const PROBE_INTERVAL_MS = 250;

/**
 * Asks the store within a time limit, and stops asking while it is away, so that only the first few requests wait for it.
 * A probe finds out when it is back.
 */
export class StoreHealth {
  readonly #store: Pick<SessionStore, 'ping'>;
  readonly #clock: Clock;
  readonly #onChange: (isReachable: boolean, reason: StoreErrorCode | null) => void;
  #isReachable = true;
  #slowInARow = 0;
  #takenAtMs = -Infinity;
  #asking: Promise<Asked<number>> | undefined;
  #stopProbe: (() => void) | undefined;

  constructor(
    store: Pick<SessionStore, 'ping'>,
    clock: Clock,
    onChange: (isReachable: boolean, reason: StoreErrorCode | null) => void,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get isReachable(): boolean {
    return this.#isReachable;
  }

  async ask<T>(limitMs: number, question: () => Promise<T>): Promise<Asked<T>> {
    if (!this.#isReachable) return { kind: 'away' };
    const pending = question();
    let stopTimer = (): void => {};
    const late = new Promise<'late'>((resolve) => {
      stopTimer = this.#clock.after(limitMs, () => resolve('late'));
    });
    try {
      const first = await Promise.race([pending, late]);
      if (first === 'late') {
        this.#slowInARow += 1;
        if (this.#slowInARow >= SLOW_IN_A_ROW) this.#leave('timeout');
        return { kind: 'late', eventually: pending };
      }
      this.#slowInARow = 0;
      return { kind: 'answered', value: first };
    } catch (error) {
      if (!(error instanceof StoreError) || error.code === 'bad-record' || error.code === 'refused') throw error;
      this.#leave(error.code);
      return { kind: 'away' };
    } finally {
      stopTimer();
    }
  }

  /**
   * Whether the store takes writes now. What a full or read-only store does not know may be what it refused, so "unknown" is believed only of one
   * that takes them. Asked four times a second at most.
   */
  async takesWrites(limitMs: number): Promise<boolean> {
    if (!this.#isReachable) return false;
    const age = this.#clock.now() - this.#takenAtMs;
    if (age >= 0 && age < PROBE_INTERVAL_MS) return true;
    this.#asking ??= this.ask(limitMs, () => this.#store.ping()).finally(() => {
      this.#asking = undefined;
    });
    if ((await this.#asking).kind !== 'answered') return false;
    this.#takenAtMs = this.#clock.now();
    return true;
  }

  stop(): void {
    this.#stopProbe?.();
    this.#stopProbe = undefined;
  }

  #leave(reason: StoreErrorCode): void {
    if (!this.#isReachable) return;
    this.#isReachable = false;
    this.#onChange(false, reason);
    let isProbing = false;
    this.#stopProbe = this.#clock.every(PROBE_INTERVAL_MS, () => {
      if (isProbing) return;
      isProbing = true;
      this.#store
        .ping()
        .then(
          (tookMs) => {
            if (tookMs < PROBE_INTERVAL_MS) this.#return();
          },
          () => {},
        )
        .finally(() => {
          isProbing = false;
        });
    });
  }

  #return(): void {
    if (this.#isReachable) return;
    this.stop();
    this.#isReachable = true;
    this.#slowInARow = 0;
    this.#onChange(true, null);
  }
}
