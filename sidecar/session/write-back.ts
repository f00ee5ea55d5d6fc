import type { SessionRecord } from '../../proto/session-record.ts';
import { isSameUpstreamSession, type DirectoryState } from './directory-state.ts';
import type { PendingRecord, PendingTombstone, PendingWrite } from './write-behind.ts';

const AT_ONCE = 32;

/** Brings to the store what it has yet to learn. Runs once at a time. */
export class WriteBack {
  readonly #state: DirectoryState;
  #running: Promise<void> | undefined;

  constructor(state: DirectoryState) {
    this.#state = state;
  }

  run(): Promise<void> {
    this.#running ??= this.#all().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #all(): Promise<void> {
    const { behind, storeHealth } = this.#state;
    while (storeHealth.isReachable) {
      const size = behind.size;
      await Promise.all(behind.next(AT_ONCE).map(([key, write]) => this.#one(key, write)));
      if (behind.size >= size) return; // Nothing got through: the next tick tries again.
    }
  }

  async #one(key: string, write: PendingWrite): Promise<void> {
    if (write.kind === 'tombstone') return this.#tombstone(key, write);
    if (write.changes && (await this.#changes(key, write, write.changes))) return;
    await this.#record(key, write);
  }

  async #tombstone(key: string, write: PendingTombstone): Promise<void> {
    const { store, behind, ttlSeconds } = this.#state;
    const { server, digest, isKnown } = write;
    const answer = await this.#ask(() => store.tombstone(server, digest, ttlSeconds(server), isKnown));
    if (answer.kind === 'answered' || answer.kind === 'refused') behind.settle(key, write);
  }

  /** Makes the changes on what the store holds. False when it has lost the session, or another node moved it: as with any record then. */
  async #changes(key: string, write: PendingRecord, changes: NonNullable<PendingRecord['changes']>): Promise<boolean> {
    const { store, behind, cache } = this.#state;
    const { server, digest, epoch } = write.record;
    const answer = await this.#ask(() =>
      store.amend(server, digest, epoch, (stored) => changes.reduce((was, change) => change(was), stored)),
    );
    if (answer.kind === 'refused') behind.settle(key, write);
    if (answer.kind !== 'answered') return true;
    const result = answer.value;
    if (result.kind !== 'ok' && result.kind !== 'newer') return false;
    behind.settle(key, write);
    if (result.kind === 'ok' && !behind.get(key)) cache.set(key, result.record);
    return true;
  }

  async #record(key: string, write: PendingRecord): Promise<void> {
    const { store, behind, ttlSeconds } = this.#state;
    const { record } = write;
    const answer = await this.#ask(() => store.reconcile(record, ttlSeconds(record.server)));
    if (answer.kind === 'refused') behind.settle(key, write); // It would be refused for ever.
    if (answer.kind !== 'answered') return;
    behind.settle(key, write);
    if (answer.value.kind === 'kept') this.#lose(key, record, answer.value.stored);
    else if (answer.value.previous) this.#win(record, answer.value.previous);
  }

  #win(record: SessionRecord, previous: SessionRecord): void {
    if (!previous.isTombstone && !isSameUpstreamSession(previous, record))
      this.#state.emit('superseded', { loser: previous, winner: record });
  }

  /** The store keeps what another node wrote. */
  #lose(key: string, record: SessionRecord, stored: SessionRecord): void {
    const { cache } = this.#state;
    cache.delete(key);
    if (stored.isTombstone) this.#state.emit('ended', { server: record.server, digest: record.digest });
    else cache.set(key, stored);
    if (!isSameUpstreamSession(stored, record)) this.#state.emit('superseded', { loser: record, winner: stored });
  }

  #ask<T>(question: () => Promise<T>) {
    return this.#state.ask(this.#state.readLimitMs * 4, question);
  }
}
