import type { RecoveryReason } from '../../proto/recovery-reason.ts';

/**
 * A session that a replica says it does not know is rebuilt at most once in this time. A replica that says so at every request must not be
 * asked for a new session each time.
 */
const REBUILD_EVERY_MS = 1000;

/** When sessions were rebuilt last, those of the last moment only. */
export class RebuildPace {
  /** By `server/digest`, in order of time. */
  readonly #rebuiltMs = new Map<string, number>();

  rebuilt(session: string, nowMs: number): void {
    this.#rebuiltMs.delete(session);
    this.#rebuiltMs.set(session, nowMs);
  }

  /** How long to wait before the session is rebuilt again. Only a replica's word has to wait; a broken connection is none. */
  waitMs(session: string, reason: RecoveryReason, nowMs: number): number {
    for (const [key, atMs] of this.#rebuiltMs) {
      if (nowMs - atMs < REBUILD_EVERY_MS) break;
      this.#rebuiltMs.delete(key);
    }
    const lastMs = this.#rebuiltMs.get(session);
    const isWord = reason === 'unknown-session' || reason === 'uninitialized';
    return isWord && lastMs !== undefined ? lastMs + REBUILD_EVERY_MS - nowMs : 0;
  }
}
