import { withinMs } from '../../proto/within-ms.ts';
import { detach } from '../../proto/detach.ts';
import { EventEmitter } from 'node:events';
import { slotName } from '../../proto/session-id.ts';
import { replicaKey } from '../topology/inputs.ts';
import type { SlotStore } from './slot-store.ts';
import { adopt, emptyTable, release, retire, type Life, type SlotTable } from './slot-table.ts';

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
  life: Life;
}

/** Slots allotted while the store is away come from this range, at random: no counter gets there, and two control planes don't meet. */
const AWAY_FIRST = 35 ** 6,
  AWAY_COUNT = 35 ** 7 - 35 ** 6;

/**
 * The slots of all replicas as this control plane knows them, always at hand. Changes go to the store; while it is away they are made here
 * and told to it later, so replicas that come and go meanwhile are served all the same. One change at a time.
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

  /** Slot of each replica's present life, by replicaKey. */
  get slots(): ReadonlyMap<string, string> {
    return new Map([...this.#table.lives].map(([key, { slot }]) => [key, slot]));
  }
  /** By server, sorted: slots of lives that are over, but that sessions may still name. */
  get lostSlots(): ReadonlyMap<string, readonly string[]> {
    const byServer = Map.groupBy(this.#table.lost.values(), ({ server }) => server);
    return new Map([...byServer].map(([server, lives]) => [server, lives.map(({ slot }) => slot).sort()]));
  }
  slotOf(server: string, address: string): string | undefined {
    return this.#table.lives.get(replicaKey(server, address))?.slot;
  }
  /** The present life, with when it began. */
  lifeOf(server: string, address: string): Life | undefined {
    return this.#table.lives.get(replicaKey(server, address));
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
   * Each of these has a slot from now on. `retireOthers`: lives of other replicas are over; only for the leader, because control planes
   * may see different replicas for a moment and would take turns in ending each other's.
   */
  keep(replicas: Iterable<{ server: string; address: string }>, retireOthers: boolean): Promise<void> {
    const wanted = new Map([...replicas].map((replica) => [replicaKey(replica.server, replica.address), replica]));
    return this.#inTurn(async () => {
      if (retireOthers) for (const [key, life] of this.#table.lives) if (!wanted.has(key)) await this.#end(life);
      for (const [key, { server, address }] of wanted)
        if (!this.#table.lives.has(key)) await this.#begin(server, address, null);
    });
  }

  /** The replica whose life `slot` was is back after having been lost. Gives the slot of its present life; repeating it does no harm. */
  newLife(server: string, address: string, slot: string): Promise<string> {
    return this.#inTurn(async () => {
      const present = this.#table.lives.get(replicaKey(server, address));
      return present && present.slot !== slot ? present.slot : await this.#begin(server, address, present ?? null);
    });
  }

  /** The life `slot` of this replica is over, and no other begins. */
  retire(server: string, address: string, slot: string): Promise<void> {
    return this.#inTurn(async () => {
      const life = this.#table.lives.get(replicaKey(server, address));
      if (life?.slot === slot) await this.#end(life);
    });
  }

  /** Tells the store what it missed, takes over what others did, and lets go of lost slots that no session can name any more. */
  refresh(): Promise<void> {
    return this.#inTurn(async () => {
      const { store, keepLostMs, now } = this.#options;
      await this.#tell(async () => {
        for (let next = this.#owed[0]; next !== undefined; next = this.#owed[0]) {
          const { kind, life } = next;
          await this.#inTime(kind === 'begun' ? store.adopt(life) : store.retire(life.server, life.address, life.slot));
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
    for (const life of this.#table.lives.values()) await this.#inTime(store.adopt(life));
    for (const { server, address, slot, lostAtMs } of this.#table.lost.values()) {
      await this.#inTime(store.adopt({ server, address, slot, sinceMs: lostAtMs }));
      await this.#inTime(store.retire(server, address, slot));
    }
  }

  async #begin(server: string, address: string, former: Life | null): Promise<string> {
    const { store, now, random } = this.#options;
    let life: Life | undefined;
    if (!this.#isAway)
      await this.#tell(async () => {
        life = await this.#inTime(former ? store.newLife(server, address, former.slot) : store.allot(server, address));
      });
    if (!life) {
      life = { server, address, slot: slotName(AWAY_FIRST + Math.floor(random() * AWAY_COUNT)), sinceMs: now() };
      if (former) this.#owed.push({ kind: 'over', life: former });
      this.#owed.push({ kind: 'begun', life });
    }
    if (former && former.slot !== life.slot) this.#table = retire(this.#table, server, address, former.slot, now());
    this.#table = adopt(this.#table, life, now());
    return life.slot;
  }

  async #end(life: Life): Promise<void> {
    const { server, address, slot } = life;
    const isTold =
      !this.#isAway && (await this.#tell(() => this.#inTime(this.#options.store.retire(server, address, slot))));
    if (!isTold) this.#owed.push({ kind: 'over', life });
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
  return (
    a.lost.size === b.lost.size &&
    a.lives.size === b.lives.size &&
    [...a.lost.keys()].every((slot) => b.lost.has(slot)) &&
    [...a.lives].every(([key, { slot }]) => b.lives.get(key)?.slot === slot)
  );
}
