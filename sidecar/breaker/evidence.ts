import type { BreakerPolicy } from '../../proto/server-policy.ts';
import type { GateState } from './gate-state.ts';

/** Who saw what a request came to. */
export interface Witness {
  /** The session; without one the client, and without an address everybody together. */
  session: string;
  /** The client's address; '' when it is not known. */
  client: string;
}
export const witnessOf = (outcome: { session: string | null; client?: string | null }): Witness => ({
  session: outcome.session ?? outcome.client ?? '',
  client: outcome.client ?? '',
});

/** What a session says within this time counts once. */
const WITNESS_WINDOW_MS = 10_000;
/** A failure is remembered this long: sessions that see a fault seldom are heard together. */
const MEMORY_MS = 60_000;
/** Sessions that are remembered of one breaker; the one that was heard first is forgotten. */
const MAX_WITNESSES = 256;
/** A trial that failed proves nothing while only one client saw it. */
const TRIAL_CLIENTS = 2;

interface Seen {
  client: string;
  isAgainst: boolean;
  countedMs: number;
}

/**
 * Who speaks against one replica or tool. A client chooses what it sends, so it can make calls fail. A breaker
 * therefore believes only what several sessions of several clients saw, and counts each session once in a while.
 * Rules: README.md.
 */
export class Evidence {
  readonly #seen = new Map<string, Seen>();
  #failuresInARow = 0;

  /** Failures and timeouts since the last success, each call counted. */
  get failuresInARow(): number {
    return this.#failuresInARow;
  }

  /** Nobody spoke for or against it, but no answer came in time. */
  timedOut(): void {
    this.#failuresInARow += 1;
  }

  /** Takes one result; whether it is to be counted, or says nothing new. */
  hear(isAgainst: boolean, witness: Witness, policy: BreakerPolicy, nowMs: number): boolean {
    this.#failuresInARow = isAgainst ? this.#failuresInARow + 1 : 0;
    if (isAlone(policy)) return true;
    // Faults in a row: one success shows that it works, for everybody.
    if (!isAgainst && policy.form === 'consecutive') {
      this.#seen.clear();
      return true;
    }
    const last = this.#seen.get(witness.session);
    if (last && nowMs - last.countedMs < WITNESS_WINDOW_MS) return false;
    this.#seen.delete(witness.session);
    if (this.#seen.size >= MAX_WITNESSES) this.#forgetFirst();
    this.#seen.set(witness.session, { client: witness.client, isAgainst, countedMs: nowMs });
    return true;
  }

  /** Whether enough sessions of enough clients have spoken against it since its gate came to its present state. */
  isByMany(policy: BreakerPolicy, state: Readonly<GateState>, nowMs: number): boolean {
    if (isAlone(policy)) return true;
    const clients = new Set<string>();
    let sessions = 0;
    for (const { client, isAgainst, countedMs } of this.#seen.values()) {
      if (!isAgainst || countedMs < state.sinceMs || nowMs - countedMs > MEMORY_MS) continue;
      sessions += 1;
      clients.add(client);
    }
    if (state.kind === 'half-open') return clients.size >= Math.min(TRIAL_CLIENTS, policy.minClients);
    return sessions >= policy.minSessions && clients.size >= policy.minClients;
  }

  #forgetFirst(): void {
    for (const session of this.#seen.keys()) {
      this.#seen.delete(session);
      return;
    }
  }
}

/** The operator believes each single call. */
const isAlone = ({ minSessions, minClients }: BreakerPolicy): boolean => minSessions <= 1 && minClients <= 1;
