import { randomUUID } from 'node:crypto';
import type { Clock } from './clock.ts';
import type { LockToken } from './session-store.ts';

/** Locks of this node alone, for when the store is away. Epochs still fence what two nodes do at once. */
export class LocalLocks {
  readonly #nodeId: string;
  readonly #clock: Clock;
  readonly #held = new Map<string, { token: LockToken; expiresAtMs: number }>();

  constructor(nodeId: string, clock: Clock) {
    this.#nodeId = nodeId;
    this.#clock = clock;
  }

  lock(server: string, digest: string, ttlMs: number): LockToken | null {
    const key = `${server}:${digest}`,
      now = this.#clock.now(),
      held = this.#held.get(key);
    if (held && held.expiresAtMs > now) return null;
    for (const [oldest, lock] of this.#held) {
      // Oldest first, so that abandoned locks don't pile up.
      if (lock.expiresAtMs > now) break;
      this.#held.delete(oldest);
    }
    const token = `${this.#nodeId}:local:${randomUUID()}`;
    this.#held.set(key, { token, expiresAtMs: now + ttlMs });
    return token;
  }

  unlock(server: string, digest: string, token: LockToken): boolean {
    const key = `${server}:${digest}`;
    return this.#held.get(key)?.token === token && this.#held.delete(key);
  }
}
