import { withinMs } from '../../proto/within-ms.ts';
import { detach } from '../../proto/detach.ts';
import { EventEmitter } from 'node:events';
import { slotName } from '../../proto/session-id.ts';
import { replicaKey } from '../topology/inputs.ts';
import type { SlotStore } from './slot-store.ts';
import { adopt, emptyTable, release, retire, type Incarnation, type SlotTable } from './slot-table.ts';

export interface SlotsOptions {
  store: SlotStore;
  /** How long a lost slot may still be named by a session of the server: its session TTL, in ms. */
  keepLostMs: (server: string) => number;
  now?: () => number;
  random?: () => number;
  /** How often the store is looked at for what other control planes did, and tried again when it was away. */
  refreshMs?: number;
  /** A store that is silent for this long is away. */
  storeTimeoutMs?: number;
  onError?: (error: unknown) => void;
}
interface SlotsEvents {
  change: [];
  away: [error: Error];
  back: [];
}

/** A change that could not be told to the store. */
interface Owed {
  kind: 'begun' | 'over';
  incarnation: Incarnation;
}

/** Slots allotted while the store is away come from this range, at random: no counter gets there, and two control planes don't meet. */
const AWAY_FIRST = 35 ** 6,
  AWAY_COUNT = 35 ** 7 - 35 ** 6;

/**
 * The slots of all replicas as this control plane knows them, always in memory. Changes go to the store. While it is
 * away they are made here and told to it later, so replicas that come and go are served. One change at a time.
 */
export class Slots extends EventEmitter<SlotsEvents> {
  #table: SlotTable;
  #told: SlotTable;
  #revision = -1;
  #isAway = false;
  #isClosed = false;
  #owed: Owed[] = [];
  #last: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  readonly #options: Required<SlotsOptions>;

  constructor(options: SlotsOptions) {
    super();
    this.#options = {
      now: Date.now,
      random: Math.random,
      refreshMs: 1000,
      storeTimeoutMs: 1000,
      onError: () => {},
      ...options,
    };
    this.#told = this.#table = emptyTable(this.#options.now());
  }

  /** Slot of each replica's present incarnation, by replicaKey. */
  get slots(): ReadonlyMap<string, string> {
    const slots = new Map<string, string>();
    this.#table.incarnations.forEach(({ slot }, key) => {
      slots.set(key, slot);
    });
    return slots;
  }
  /** By server, sorted: slots of incarnations that are over, but that sessions may still name. */
  get lostSlots(): ReadonlyMap<string, readonly string[]> {
    const byServer = Map.groupBy(this.#table.lost.values(), ({ server }) => server);
    return new Map(
      [...byServer].map(([server, incarnations]) => [server, incarnations.map(({ slot }) => slot).sort()]),
    );
  }
  slotOf(server: string, address: string): string | undefined {
    return this.#table.incarnations.get(replicaKey(server, address))?.slot;
  }
  /** The present incarnation, with when it began. */
  incarnationOf(server: string, address: string): Incarnation | undefined {
    return this.#table.incarnations.get(replicaKey(server, address));
  }
  /** The store can't be reached; changes are kept here. */
  get isAway(): boolean {
    return this.#isAway;
  }

  /** Reads the store, and from now on looks at it regularly. Does not fail when it is away. */
  async start(): Promise<void> {
    await this.refresh();
    this.#again();
  }
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  /**
   * Each of these has a slot from now on. `retireOthers`: incarnations of other replicas are over. That is for the
   * leader alone: control planes may see different replicas for a moment, and would take turns in ending each other's.
   */
  keep(replicas: Iterable<{ server: string; address: string }>, retireOthers: boolean): Promise<void> {
    const wanted = new Map([...replicas].map((replica) => [replicaKey(replica.server, replica.address), replica]));
    return this.#inTurn(async () => {
      const others: Incarnation[] = [];
      if (retireOthers)
        this.#table.incarnations.forEach((incarnation, key) => {
          if (!wanted.has(key)) others.push(incarnation);
        });
      for (const incarnation of others) await this.#end(incarnation);
      for (const [key, { server, address }] of wanted)
        if (!this.#table.incarnations.has(key)) await this.#begin(server, address, null);
    });
  }

  /** The replica whose incarnation `slot` was is back after having been lost. Gives the slot of its present incarnation; repeating it does no harm. */
  newIncarnation(server: string, address: string, slot: string): Promise<string> {
    return this.#inTurn(async () => {
      const present = this.#table.incarnations.get(replicaKey(server, address));
      return present && present.slot !== slot ? present.slot : await this.#begin(server, address, present ?? null);
    });
  }

  /** The incarnation `slot` of this replica is over, and no other begins. */
  retire(server: string, address: string, slot: string): Promise<void> {
    return this.#inTurn(async () => {
      const incarnation = this.#table.incarnations.get(replicaKey(server, address));
      if (incarnation?.slot === slot) await this.#end(incarnation);
    });
  }

  /** Tells the store what it missed, takes over what others did, and lets go of lost slots that no session can name any more. */
  refresh(): Promise<void> {
    return this.#inTurn(async () => {
      const { store, keepLostMs, now } = this.#options;
      await this.#tell(async () => {
        for (let next = this.#owed[0]; next !== undefined; next = this.#owed[0]) {
          const { kind, incarnation } = next;
          await this.#inTime(
            kind === 'begun'
              ? store.adopt(incarnation)
              : store.retire(incarnation.server, incarnation.address, incarnation.slot),
          );
          this.#owed.shift();
        }
        let revision = await this.#inTime(store.revision());
        if (revision < this.#revision) {
          await this.#restore();
          revision = await this.#inTime(store.revision());
        }
        if (revision !== this.#revision) {
          this.#table = await this.#inTime(store.read());
          this.#revision = revision;
        }
        const over = [...this.#table.lost.values()]
          .filter(({ server, lostAtMs }) => lostAtMs + keepLostMs(server) < now())
          .map(({ slot }) => slot);
        if (over.length > 0) {
          await this.#inTime(store.release(over));
          this.#table = release(this.#table, over);
        }
      });
    });
  }

  /** The store came back with less than it had (emptied, or an old copy): what is known here is put into it again. */
  async #restore(): Promise<void> {
    const { store } = this.#options;
    for (const incarnation of this.#table.incarnations.values()) await this.#inTime(store.adopt(incarnation));
    for (const { server, address, slot, lostAtMs } of this.#table.lost.values()) {
      await this.#inTime(store.adopt({ server, address, slot, sinceMs: lostAtMs }));
      await this.#inTime(store.retire(server, address, slot));
    }
  }

  async #begin(server: string, address: string, former: Incarnation | null): Promise<string> {
    const { store, now, random } = this.#options;
    let incarnation: Incarnation | undefined;
    if (!this.#isAway)
      await this.#tell(async () => {
        incarnation = await this.#inTime(
          former ? store.newIncarnation(server, address, former.slot) : store.allot(server, address),
        );
      });
    if (!incarnation) {
      incarnation = { server, address, slot: slotName(AWAY_FIRST + Math.floor(random() * AWAY_COUNT)), sinceMs: now() };
      if (former) this.#owed.push({ kind: 'over', incarnation: former });
      this.#owed.push({ kind: 'begun', incarnation });
    }
    if (former && former.slot !== incarnation.slot)
      this.#table = retire(this.#table, server, address, former.slot, now());
    this.#table = adopt(this.#table, incarnation, now());
    return incarnation.slot;
  }

  async #end(incarnation: Incarnation): Promise<void> {
    const { server, address, slot } = incarnation;
    const isTold =
      !this.#isAway && (await this.#tell(() => this.#inTime(this.#options.store.retire(server, address, slot))));
    if (!isTold) this.#owed.push({ kind: 'over', incarnation });
    this.#table = retire(this.#table, server, address, slot, this.#options.now());
  }

  async #tell(act: () => Promise<void>): Promise<boolean> {
    try {
      await act();
      if (this.#isAway) {
        this.#isAway = false;
        this.emit('back');
      }
      return true;
    } catch (error) {
      if (!this.#isAway) {
        this.#isAway = true;
        this.emit('away', error as Error);
      }
      return false;
    }
  }

  #inTime<T>(operation: Promise<T>): Promise<T> {
    const { storeTimeoutMs } = this.#options;
    return withinMs(storeTimeoutMs, operation, () => {
      throw new Error(`the slot store did not answer within ${storeTimeoutMs} ms`);
    });
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(act).finally(() => {
      const before = this.#told;
      this.#told = this.#table;
      if (!isSame(before, this.#table)) this.emit('change');
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  #again(): void {
    if (this.#isClosed) return;
    const round = () => this.refresh().finally(() => this.#again());
    this.#timer = setTimeout(() => detach(round(), this.#options.onError), this.#options.refreshMs).unref();
  }
}

function isSame(a: SlotTable, b: SlotTable): boolean {
  if (a === b) return true;
  if (a.lost.size !== b.lost.size || a.incarnations.size !== b.incarnations.size) return false;
  return (
    a.lost.every((_, slot) => b.lost.has(slot)) &&
    a.incarnations.every(({ slot }, key) => b.incarnations.get(key)?.slot === slot)
  );
}
