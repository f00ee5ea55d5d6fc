import type { LimitName, ServerLimits } from '../../proto/limits.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import { isUnused } from '../session/unused-session.ts';
import { TokenBuckets } from './token-buckets.ts';

/** A session whose initialize is larger than this counts as several. */
const BYTES_PER_SESSION = 4096;
/** Sessions that are looked at for one that was idle, before the one that was idle longest among them goes. */
const LOOKED_AT = 64;

/** The part of a session's record that is looked at when it may have to go; undefined: it is gone already. */
export type Known = (
  server: string,
  digest: string,
) => Pick<SessionRecord, 'lastActivityMs' | 'createdAtMs'> | undefined;

export interface SessionBudgetOptions {
  now: () => number;
  limits: (server: string) => ServerLimits | undefined;
  known: Known;
  /** A call or stream of it is open here. */
  isBusy: (digest: string) => boolean;
  /** Ends a session that has to go. */
  end: (server: string, digest: string) => void;
  /** Told of each session that began: bytes of its initialize. */
  wrote: (bytes: number) => void;
  /** Whether the store has room for new sessions. */
  hasRoom: () => boolean;
  refused: (server: string, limit: LimitName) => void;
}

/** An owner's sessions with the weight of each, those first that were not looked at for longest. */
interface Owner {
  weight: number;
  readonly sessions: Map<string, number>;
}

/**
 * How many sessions one principal, or one client address without a principal, may have: those that began at this gateway. Beyond its share the one
 * that was idle longest ends. Some are looked at for that, in turn; activity is noted every few seconds, so those never used go first.
 */
export class SessionBudget {
  readonly #options: SessionBudgetOptions;
  readonly #rates = new TokenBuckets();
  readonly #owners = new Map<string, Owner>();

  constructor(options: SessionBudgetOptions) {
    this.#options = options;
  }

  /** Whether a client may begin a session now; the limit's name when not. Asked once for each initialize. */
  refusal(server: string, address: string): LimitName | null {
    const limit = !this.#options.hasRoom()
      ? 'store_memory'
      : this.#isTooFast(server, address)
        ? 'initialize_rate'
        : null;
    if (limit !== null) this.#options.refused(server, limit);
    return limit;
  }

  #isTooFast(server: string, address: string): boolean {
    const { limits, now } = this.#options;
    const rate = limits(server)?.initializePerAddress;
    if (!rate || rate.requests === 0) return false;
    return this.#rates.take([{ ...rate, key: `${server} ${address}`, count: 1 }], now()).is === 'empty';
  }

  /** Counts a session that began. `bytes`: of its initialize. */
  began({ server, digest, principal }: SessionRecord, address: string, bytes: number): void {
    this.#options.wrote(bytes);
    const of = this.#options.limits(server);
    if (!of) return;
    const limit = principal === null ? 'sessions_per_address' : 'sessions_per_principal',
      most = principal === null ? of.sessionsPerAddress : of.sessionsPerPrincipal;
    if (most === 0) return;
    const key = `${server} ${principal ?? address}`,
      owner = this.#owners.get(key) ?? { weight: 0, sessions: new Map<string, number>() },
      weight = principal === null ? Math.max(1, Math.ceil(bytes / BYTES_PER_SESSION)) : 1;
    this.#owners.set(key, owner);
    while (owner.weight + weight > most && owner.sessions.size > 0) this.#makeRoom(server, owner, limit);
    owner.sessions.set(digest, weight);
    owner.weight += weight;
  }

  /** Owners that are counted, for tests and metrics. */
  get size(): number {
    return this.#owners.size;
  }

  /** Forgets what is gone already, so that owners who come no more cost nothing. Called now and then. */
  sweep(): void {
    for (const [key, owner] of this.#owners) {
      const server = key.slice(0, key.indexOf(' '));
      for (const digest of owner.sessions.keys())
        if (this.#options.known(server, digest) === undefined) forget(owner, digest);
      if (owner.sessions.size === 0) this.#owners.delete(key);
    }
  }

  /** Looks at some of an owner's sessions in turn: the first that was never used goes, else the one whose last use is longest ago. */
  #makeRoom(server: string, owner: Owner, limit: LimitName): void {
    const { known, isBusy, end, refused } = this.#options;
    let idlest: string | undefined,
      idlestMs = Infinity;
    for (const digest of firstKeys(owner.sessions, LOOKED_AT)) {
      const record = known(server, digest);
      if (!record) return forget(owner, digest);
      const isOpen = isBusy(digest),
        usedMs = isOpen ? this.#options.now() : record.lastActivityMs;
      if (usedMs < idlestMs) [idlest, idlestMs] = [digest, usedMs];
      if (!isOpen && isUnused(record)) {
        idlest = digest;
        break;
      }
      const weight = owner.sessions.get(digest) ?? 1;
      owner.sessions.delete(digest);
      owner.sessions.set(digest, weight);
    }
    if (idlest === undefined) return;
    forget(owner, idlest);
    refused(server, limit);
    end(server, idlest);
  }
}

function firstKeys(map: ReadonlyMap<string, unknown>, count: number): string[] {
  const keys: string[] = [];
  for (const key of map.keys()) if (keys.push(key) >= count) break;
  return keys;
}

function forget(owner: Owner, digest: string): void {
  owner.weight -= owner.sessions.get(digest) ?? 0;
  owner.sessions.delete(digest);
}
