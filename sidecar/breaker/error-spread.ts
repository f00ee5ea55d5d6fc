import { forgetOldest } from '../../proto/forget-oldest.ts';

/** Distinct tools (or methods) with server errors that make it the replica's fault: one or two may share a bug. */
const SEVERAL = 3;
/** How long a server error of one tool is remembered. */
const MEMORY_MS = 30_000;

/**
 * Whether server errors of one replica come from several tools. Holds at most {@link SEVERAL} names, each forgotten when the tool
 * succeeds again or after {@link MEMORY_MS}.
 */
export class ErrorSpread {
  readonly #lastMs = new Map<string, number>();

  failed(name: string, nowMs: number): void {
    for (const [other, atMs] of this.#lastMs) if (nowMs - atMs > MEMORY_MS) this.#lastMs.delete(other);
    this.#lastMs.delete(name);
    if (this.#lastMs.size >= SEVERAL) forgetOldest(this.#lastMs);
    this.#lastMs.set(name, nowMs);
  }

  succeeded(name: string): void {
    this.#lastMs.delete(name);
  }

  isWide(nowMs: number): boolean {
    let recent = 0;
    for (const atMs of this.#lastMs.values()) if (nowMs - atMs <= MEMORY_MS) recent++;
    return recent >= SEVERAL;
  }
}
