/** A replica that refused a connection is not asked again for this long: whatever session it had is gone with its process. */
const REMEMBERED_MS = 1000;
/** Addresses remembered; there are never so many replicas, unless somebody restarts them without end. */
const MAX_ADDRESSES = 10_000;

/**
 * Replicas that refused a connection a moment ago. Thousands of sessions of a dead replica would each spend a connection attempt to find out what
 * the first one found out.
 */
export class RefusedConnections {
  readonly #untilMs = new Map<string, number>();

  note(address: string, nowMs: number): void {
    if (this.#untilMs.size >= MAX_ADDRESSES) this.#untilMs.clear();
    this.#untilMs.set(address, nowMs + REMEMBERED_MS);
  }

  /** It took one again. */
  forget(address: string): void {
    if (this.#untilMs.size > 0) this.#untilMs.delete(address);
  }

  has(address: string, nowMs: number): boolean {
    const untilMs = this.#untilMs.size === 0 ? undefined : this.#untilMs.get(address);
    if (untilMs === undefined) return false;
    if (nowMs < untilMs) return true;
    this.#untilMs.delete(address);
    return false;
  }
}
