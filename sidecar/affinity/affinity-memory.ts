import { LRUCache } from 'lru-cache';
import { detach } from '../../proto/detach.ts';
import { systemClock, type Clock } from '../session/clock.ts';
import { StoreHealth, type Asked } from '../session/store-health.ts';
import type { AffinityKey } from './affinity-key.ts';
import type { AffinityStore } from './affinity-store.ts';

interface Held {
  slot: string;
  untilMs: number;
  writtenMs: number;
}

export interface AffinityMemoryOptions {
  /** Null: this process alone remembers. */
  store: AffinityStore | null;
  clock?: Clock;
  /** Keys held in this process (default 100,000: some 20 MB); the least recently used goes first. */
  maxHeld?: number;
  /** What the store refused: nothing that a request could do about. */
  onError?: (error: unknown) => void;
}

/** An answer waits this long for its key to be written, so that the next request finds it at any gateway. */
const WRITE_LIMIT_MS = 50;
const READ_LIMIT_MS = 100;
/** A request may overtake the write of the answer it follows: it is looked up again after these pauses. */
const AGAIN_AFTER_MS = [20, 60];
/** What is in use is written again after this share of its time to live. */
const RENEW_SHARE = 4;

/** Which slot holds a task, a requestState or a handle. Shared through the store; without it each process knows what it saw itself. */
export class AffinityMemory {
  readonly #store: AffinityStore | null;
  readonly #health: StoreHealth | null;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #held: LRUCache<string, Held>;

  constructor({ store, clock = systemClock, maxHeld = 100_000, onError = () => undefined }: AffinityMemoryOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#held = new LRUCache({ max: maxHeld });
    this.#onError = onError;
    this.#health = store && new StoreHealth(store, clock, () => undefined);
  }

  get size(): number {
    return this.#held.size;
  }

  /** The slot that holds the first of the keys that is known; null when none is. */
  async find(server: string, keys: readonly AffinityKey[], ttlSeconds: number): Promise<string | null> {
    for (const pauseMs of [0, ...AGAIN_AFTER_MS]) {
      if (pauseMs > 0)
        await new Promise<void>((resolve) => {
          this.#clock.after(pauseMs, resolve);
        });
      for (const key of keys) {
        const slot = this.#local(server, key, ttlSeconds) ?? (await this.#load(server, key, ttlSeconds));
        if (slot !== null) return slot;
      }
      if (!this.#health?.isReachable) return null;
    }
    return null;
  }

  /** Resolves when the store has it, or after a moment. Null: it was there already. */
  remember(server: string, keys: readonly AffinityKey[], slot: string, ttlSeconds: number): Promise<unknown> | null {
    const now = this.#clock.now(),
      fresh = keys.filter((key) => {
        const held = this.#held.peek(nameOf(server, key));
        return held?.slot !== slot || now - held.writtenMs >= (ttlSeconds * 1000) / RENEW_SHARE;
      });
    if (fresh.length === 0) return null;
    return Promise.all(fresh.map((key) => this.#write(server, key, slot, ttlSeconds)));
  }

  close(): void {
    this.#health?.stop();
  }

  #local(server: string, key: AffinityKey, ttlSeconds: number): string | null {
    const name = nameOf(server, key),
      held = this.#held.get(name),
      now = this.#clock.now();
    if (!held) return null;
    if (held.untilMs <= now) {
      this.#held.delete(name);
      return null;
    }
    if (now - held.writtenMs >= (ttlSeconds * 1000) / RENEW_SHARE)
      detach(this.#write(server, key, held.slot, ttlSeconds), this.#onError);
    return held.slot;
  }

  async #load(server: string, key: AffinityKey, ttlSeconds: number): Promise<string | null> {
    const found = await this.#ask(READ_LIMIT_MS, (store) => store.get(server, key));
    if (found?.kind !== 'answered' || found.value === null) return null;
    // When it was written is not known, so the next use writes it again.
    this.#held.set(nameOf(server, key), {
      slot: found.value,
      untilMs: this.#clock.now() + ttlSeconds * 1000,
      writtenMs: 0,
    });
    return found.value;
  }

  async #write(server: string, key: AffinityKey, slot: string, ttlSeconds: number): Promise<void> {
    const now = this.#clock.now();
    this.#held.set(nameOf(server, key), { slot, untilMs: now + ttlSeconds * 1000, writtenMs: now });
    await this.#ask(WRITE_LIMIT_MS, (store) => store.set(server, key, slot, ttlSeconds));
  }

  async #ask<T>(limitMs: number, question: (store: AffinityStore) => Promise<T>): Promise<Asked<T> | null> {
    if (!this.#store || !this.#health) return null;
    const store = this.#store;
    try {
      const asked = await this.#health.ask(limitMs, () => question(store));
      if (asked.kind === 'late') asked.eventually.catch(() => undefined);
      return asked;
    } catch (error) {
      this.#onError(error);
      return null;
    }
  }
}

const nameOf = (server: string, { kind, digest }: AffinityKey): string => `${server}/${kind}/${digest}`;
