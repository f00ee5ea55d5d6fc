import { detach } from '../../proto/detach.ts';

/** A replica is asked for itself at most this often. */
const CHECK_EVERY_MS = 1000;
/** Replicas of which the last check is remembered. */
const MAX_REMEMBERED = 10_000;

export interface SuspectsOptions {
  /** The gateway's own question to a replica, without any client's session: whether it answers as an MCP server. */
  isAlive: (server: string, slot: string) => Promise<boolean>;
  /** It answered neither of two questions. */
  onDead: (server: string, slot: string) => void;
  onError: (error: unknown) => void;
  now: () => number;
}

/**
 * Replicas that calls speak against, but too few clients to be believed. The gateway asks such a replica itself: clients can't make that fail. So a
 * replica that is dead is found although only one session uses it.
 */
export class Suspects {
  readonly #options: SuspectsOptions;
  readonly #checkedMs = new Map<string, number>();

  constructor(options: SuspectsOptions) {
    this.#options = options;
  }

  /** Asks soon, unless it was asked a moment ago. Never throws. */
  suspect(server: string, slot: string): void {
    const key = `${server} ${slot}`;
    const last = this.#checkedMs.get(key);
    if (last !== undefined && this.#options.now() - last < CHECK_EVERY_MS) return;
    this.#remember(key);
    detach(() => this.#check(server, slot, key), this.#options.onError);
  }

  async #check(server: string, slot: string, key: string): Promise<void> {
    const { isAlive, onDead } = this.#options;
    const isDead = !(await isAlive(server, slot)) && !(await isAlive(server, slot));
    this.#remember(key);
    if (isDead) onDead(server, slot);
  }

  #remember(key: string): void {
    this.#checkedMs.delete(key);
    if (this.#checkedMs.size >= MAX_REMEMBERED)
      for (const oldest of this.#checkedMs.keys()) {
        this.#checkedMs.delete(oldest);
        break;
      }
    this.#checkedMs.set(key, this.#options.now());
  }
}
