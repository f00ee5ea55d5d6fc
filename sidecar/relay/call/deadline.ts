import { afterMs } from '../../../proto/after-ms.ts';
import { callTimeoutMs, type ServerPolicy } from '../../../proto/server-policy.ts';

/** The time that a call may go without an answer or progress; 0: none. */
export function deadlineMs(policy: ServerPolicy, method: string, tool: string | null): number {
  if (method === 'initialize') return policy.timeouts.initializeMs;
  return (
    (tool !== null && Object.hasOwn(policy.timeouts.toolMs, tool) ? policy.timeouts.toolMs[tool] : undefined) ??
    callTimeoutMs(policy)
  );
}

/** A deadline that progress moves on, and that stands still while `isStanding`. Moving it costs one assignment; the timer is set anew only when it fires too early. */
export class Deadline {
  readonly #timeoutMs: number;
  readonly #now: () => number;
  readonly #expired: () => void;
  readonly #isStanding: () => boolean;
  #stop: (() => void) | null = null;
  #progressMs = 0;

  constructor(timeoutMs: number, now: () => number, expired: () => void, isStanding: () => boolean = () => false) {
    this.#timeoutMs = timeoutMs;
    this.#now = now;
    this.#expired = expired;
    this.#isStanding = isStanding;
  }

  start(): void {
    this.#progressMs = this.#now();
    if (this.#timeoutMs > 0 && !this.#stop) this.#set(this.#timeoutMs);
  }

  progress(): void {
    if (this.#stop) this.#progressMs = this.#now();
  }

  stop(): void {
    this.#stop?.();
    this.#stop = null;
  }

  #set(ms: number): void {
    this.#stop = afterMs(ms, () => {
      this.#stop = null;
      const leftMs = this.#progressMs + this.#timeoutMs - this.#now();
      if (leftMs > 0) this.#set(leftMs);
      else if (this.#isStanding()) this.start();
      else this.#expired();
    });
  }
}
