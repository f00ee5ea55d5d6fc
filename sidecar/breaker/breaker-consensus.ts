import { forgetOldest } from '../../proto/forget-oldest.ts';
import {
  breakerField,
  type BreakerEntry,
  type BreakerKey,
  type BreakerOrder,
  type FleetBreaker,
} from '../../proto/breaker-state.ts';
import type { Breaker, BreakerTable } from './breaker-table.ts';
import { dampedOpening, decisionOf, viewOf } from './consensus-view.ts';

export interface BreakerConsensusOptions {
  table: BreakerTable;
  /** Name of this gateway process in the fleet. */
  self: string;
  now: () => number;
  /** Whether this slot is in the mesh now; breakers of slots that are gone are not made again. */
  isSlot?: (server: string, slot: string) => boolean;
  /** Whether the server lists this tool; of others no decision is taken over. An operator may name any. */
  isListed?: (server: string, tool: string) => boolean;
  /** A state that this gateway took over from the others or from an operator. */
  onAdopted?: (breaker: Breaker, cause: 'fleet' | 'operator') => void;
}

export interface Proposal {
  decision: FleetBreaker;
  seenGeneration: number;
}

/** What this gateway knows of the fleet's decisions and orders, and what follows from them for its own gates. No I/O. Rules: README.md. */
export class BreakerConsensus {
  readonly #options: Required<BreakerConsensusOptions>;
  /** By server and field. */
  readonly #decisions = new Map<string, FleetBreaker>();
  readonly #orders = new Map<string, BreakerOrder>();
  /** Changes of this gateway that Redis doesn't have yet. */
  readonly #unshared = new Set<Breaker>();

  constructor(options: BreakerConsensusOptions) {
    this.#options = { isSlot: () => true, isListed: () => true, onAdopted: () => {}, ...options };
  }

  /** This gateway's own change, as a decision for all. Undefined while an operator's order stands. */
  propose(breaker: Breaker): Proposal | undefined {
    const name = nameOf(breaker.server, breaker),
      { self, now } = this.#options;
    const last = this.#decisions.get(name);
    const settings = this.#options.table.settings(breaker.server);
    if (!settings) return undefined;
    const policy = breaker.level === 'replica' ? settings.replicaBreaker : settings.toolBreaker;
    const damped = dampedOpening(breaker.gate.state, last, self, policy);
    if (damped) breaker.gate.adopt({ kind: 'open', ...damped }, now());
    const decision = decisionOf(breaker.gate.state, self, last);
    if (!decision) return undefined;
    this.#unshared.add(breaker);
    return { decision, seenGeneration: last?.generation ?? 0 };
  }

  /** What stands in Redis after a proposal: the proposal, or what somebody else decided before. */
  decided(breaker: Breaker, proposed: FleetBreaker, standing: FleetBreaker): void {
    const isOwn =
      standing.by === proposed.by && standing.state === proposed.state && standing.sinceMs === proposed.sinceMs;
    if (!isOwn)
      return this.hear(breaker.server, {
        level: breaker.level,
        key: breaker.key,
        kind: 'decision',
        decision: standing,
      });
    this.#remember(nameOf(breaker.server, breaker), standing);
    if (breaker.gate.state.kind === proposed.state) this.#unshared.delete(breaker);
  }

  /** Redis could not be asked: the change holds here, and is offered again. */
  notShared(breaker: Breaker): void {
    this.#unshared.add(breaker);
  }

  /** Own changes that Redis doesn't have, of gates that still exist. */
  unshared(): Breaker[] {
    for (const breaker of this.#unshared) {
      if (this.#options.table.find(breaker.server, breaker.level, breaker.key) !== breaker)
        this.#unshared.delete(breaker);
    }
    return [...this.#unshared];
  }

  /** One change, heard from the channel. */
  hear(server: string, entry: BreakerEntry): void {
    if (entry.kind === 'order') this.#order(server, entry, entry.order);
    else if (entry.decision) this.#decide(server, entry, entry.decision);
    else this.#reset(server, entry);
  }

  /**
   * Everything that stands for one server. Orders that are not among it have ended. When decisions are missing or
   * older than what was known, Redis has lost data. Then its content is where all go on from, and gateways write their
   * decisions again.
   */
  hearAll(server: string, entries: readonly BreakerEntry[]): void {
    const isOf = (name: string): boolean => name.startsWith(`${server} `);
    const standing = new Map(entries.map((entry) => [`${entry.kind} ${nameOf(server, entry)}`, entry]));
    for (const name of [...this.#orders.keys()])
      if (isOf(name) && !standing.has(`order ${name}`)) this.#order(server, keyOf(name), null);
    for (const [name, last] of [...this.#decisions]) {
      if (!isOf(name)) continue;
      const entry = standing.get(`decision ${name}`);
      if (entry?.kind === 'decision' && entry.decision && follows(entry.decision, last)) continue;
      const key = keyOf(name),
        breaker = this.#options.table.find(server, key.level, key.key);
      if (entry || last.state === 'closed') this.#decisions.delete(name);
      else if (last.by !== this.#options.self) this.#reset(server, key);
      else {
        this.#decisions.delete(name);
        if (breaker) this.#unshared.add(breaker);
      }
    }
    for (const entry of entries) this.hear(server, entry);
  }

  /** Fields of a server's hash that nobody needs: decisions about slots that are gone, and tools that are not listed. Orders stay. */
  gone(server: string, entries: readonly BreakerEntry[]): BreakerKey[] {
    const { isSlot, isListed, now } = this.#options;
    return entries.filter((entry) => {
      if (entry.kind !== 'decision' || !entry.decision) return false;
      const isThere = entry.level === 'replica' ? isSlot(server, entry.key) : isListed(server, entry.key);
      return !isThere && now() - Math.max(entry.decision.sinceMs, entry.decision.untilMs) > GONE_AFTER_MS;
    });
  }

  #decide(server: string, key: BreakerKey, decision: FleetBreaker): void {
    const name = nameOf(server, key),
      { self, now, table } = this.#options;
    const last = this.#decisions.get(name);
    const known = table.find(server, key.level, key.key);
    // A gate that is closed although the last decision says otherwise is a new one (its policy changed, or it was evicted).
    const isMadeAnew =
      last?.generation === decision.generation &&
      decision.state !== 'closed' &&
      (!known || (known.gate.state.kind === 'closed' && !this.#unshared.has(known)));
    if (last && decision.generation <= last.generation && !isMadeAnew) return;
    this.#remember(name, decision);
    // An own decision comes back: it is in force already, or the gate has moved on since and will say so next.
    if (decision.by === self && known && !isMadeAnew) {
      if (known.gate.state.kind === decision.state) {
        this.#unshared.delete(known);
        return;
      }
      if (this.#unshared.has(known)) return;
    }
    if (this.#orders.has(name)) return;
    this.#adopt(server, key, decision, now());
  }

  /** An operator closed it for all. */
  #reset(server: string, key: BreakerKey): void {
    const name = nameOf(server, key),
      breaker = this.#breaker(server, key, false),
      last = this.#decisions.get(name);
    // Its generation is kept: messages of decisions before it may still be on their way.
    if (last) this.#remember(name, { ...last, state: 'closed' });
    if (!breaker || this.#orders.has(name) || this.#unshared.has(breaker)) return;
    breaker.gate.order('closed', this.#options.now());
    this.#options.onAdopted(breaker, 'operator');
  }

  #adopt(server: string, key: BreakerKey, decision: FleetBreaker, nowMs: number): void {
    const isMade = decision.state !== 'closed' && (key.level === 'replica' || this.#options.isListed(server, key.key));
    const breaker = this.#breaker(server, key, isMade);
    if (!breaker || breaker.gate.state.kind === 'disabled') return;
    this.#unshared.delete(breaker);
    const view = viewOf(decision, this.#options.self, nowMs);
    breaker.gate.adopt(view, nowMs);
    this.#options.onAdopted(breaker, 'fleet');
  }

  #order(server: string, key: BreakerKey, order: BreakerOrder | null): void {
    const name = nameOf(server, key),
      nowMs = this.#options.now();
    const before = this.#orders.get(name);
    if (before?.state === order?.state) return;
    if (order) this.#orders.set(name, order);
    else this.#orders.delete(name);
    const breaker = this.#breaker(server, key, order !== null);
    if (!breaker) return;
    breaker.gate.order(order?.state ?? 'closed', nowMs);
    this.#unshared.delete(breaker);
    const decision = this.#decisions.get(name);
    if (!order && decision && decision.state !== 'closed') this.#adopt(server, key, decision, nowMs);
    this.#options.onAdopted(breaker, 'operator');
  }

  #breaker(server: string, { level, key }: BreakerKey, isMade: boolean): Breaker | undefined {
    const { table, isSlot } = this.#options;
    const found = table.find(server, level, key);
    if (found || !isMade || (level === 'replica' && !isSlot(server, key))) return found;
    return table.findOrMake({ server, level, key });
  }

  #remember(name: string, decision: FleetBreaker): void {
    // Bounded like the hash in Redis: the oldest names go first, and are learned again when they matter.
    if (this.#decisions.size >= MAX_DECISIONS && !this.#decisions.has(name)) forgetOldest(this.#decisions);
    this.#decisions.set(name, decision);
  }
}

/** Whether a decision is the one that was known, or a later one. Of the same generation and another maker: Redis lost data between them. */
const follows = (standing: FleetBreaker, known: FleetBreaker): boolean =>
  standing.generation > known.generation ||
  (standing.generation === known.generation &&
    standing.by === known.by &&
    standing.sinceMs === known.sinceMs &&
    standing.state === known.state);

const MAX_DECISIONS = 10_000;
/** A decision about what this gateway does not know may be about what the control plane has not told it yet. */
const GONE_AFTER_MS = 600_000;
/** Servers' names have no space. */
const nameOf = (server: string, key: BreakerKey): string => `${server} ${breakerField(key)}`;
function keyOf(name: string): BreakerKey {
  const field = name.slice(name.indexOf(' ') + 1),
    slash = field.indexOf('/');
  return { level: field.slice(0, slash) as BreakerKey['level'], key: field.slice(slash + 1) };
}
