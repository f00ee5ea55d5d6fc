import type { ServerPolicy } from '../../proto/server-policy.ts';
import { Evidence } from './evidence.ts';
import { ErrorSpread } from './error-spread.ts';
import type { GateState } from './gate-state.ts';
import { Gate } from './gate.ts';
import type { BreakerLevel } from './verdict.ts';

/** The part of a server's policy that breakers read. */
export type BreakerSettings = Pick<ServerPolicy, 'name' | 'replicaBreaker' | 'toolBreaker' | 'countToolErrors'>;

/** `key` is a slot (replica) or a tool's name (tool). */
export interface BreakerName {
  server: string;
  level: BreakerLevel;
  key: string;
}
export interface Breaker extends BreakerName {
  gate: Gate;
  spread: ErrorSpread;
  evidence: Evidence;
}

interface ServerEntry {
  settings: BreakerSettings;
  replica: Map<string, Breaker>;
  tool: Map<string, Breaker>;
}

export interface BreakerTableOptions {
  maxBreakers: number;
  onChange: (breaker: Breaker, state: GateState, nowMs: number) => void;
  onEvicted: () => void;
}

/** An operator's order holds, whatever the server lists. */
const isOrdered = ({ state: { kind } }: Gate): boolean =>
  kind === 'forced-open' || kind === 'disabled' || kind === 'observe';

/** All breakers of this process, at most `maxBreakers`: beyond that the oldest closed one goes, for it knows least. */
export class BreakerTable {
  readonly #servers = new Map<string, ServerEntry>();
  readonly #options: BreakerTableOptions;
  #size = 0;

  constructor(options: BreakerTableOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  /** Takes a server's policy. Breakers of a level whose policy changed start again: their windows would mean something else. */
  configure(settings: BreakerSettings): void {
    const entry = this.#servers.get(settings.name);
    if (!entry) {
      this.#servers.set(settings.name, { settings, replica: new Map(), tool: new Map() });
      return;
    }
    for (const [level, policy] of [
      ['replica', 'replicaBreaker'],
      ['tool', 'toolBreaker'],
    ] as const) {
      if (JSON.stringify(entry.settings[policy]) === JSON.stringify(settings[policy])) continue;
      this.#size -= entry[level].size;
      entry[level].clear();
    }
    entry.settings = settings;
  }

  settings(server: string): BreakerSettings | undefined {
    return this.#servers.get(server)?.settings;
  }
  servers(): string[] {
    return [...this.#servers.keys()];
  }

  forgetServer(server: string): void {
    const entry = this.#servers.get(server);
    if (!entry) return;
    this.#size -= entry.replica.size + entry.tool.size;
    this.#servers.delete(server);
  }

  /** Drops the breakers of tools that the server lists no more. */
  keepTools(server: string, isListed: (tool: string) => boolean): void {
    for (const { key, gate } of this.#servers.get(server)?.tool.values() ?? [])
      if (!isListed(key) && !isOrdered(gate)) this.#delete(server, 'tool', key);
  }

  /** Drops the breakers of slots that are no more. */
  keepSlots(server: string, slots: ReadonlySet<string>): void {
    for (const slot of this.#servers.get(server)?.replica.keys() ?? [])
      if (!slots.has(slot)) this.#delete(server, 'replica', slot);
  }

  find(server: string, level: BreakerLevel, key: string): Breaker | undefined {
    return this.#servers.get(server)?.[level].get(key);
  }

  /** The breaker, made when it isn't there; undefined for a server that nobody configured. */
  findOrMake({ server, level, key }: BreakerName): Breaker | undefined {
    const entry = this.#servers.get(server);
    if (!entry) return undefined;
    const found = entry[level].get(key);
    if (found) return found;
    if (this.#size >= this.#options.maxBreakers) this.#evict();
    const policy = level === 'replica' ? entry.settings.replicaBreaker : entry.settings.toolBreaker;
    const evidence = new Evidence();
    const breaker: Breaker = {
      server,
      level,
      key,
      spread: new ErrorSpread(),
      evidence,
      gate: new Gate(policy, {
        mayOpen: (state, nowMs) => evidence.isByMany(policy, state, nowMs),
        onChange: (state, nowMs) => {
          this.#options.onChange(breaker, state, nowMs);
        },
      }),
    };
    entry[level].set(key, breaker);
    this.#size++;
    return breaker;
  }

  *all(): Generator<Breaker> {
    for (const { replica, tool } of this.#servers.values()) {
      yield* replica.values();
      yield* tool.values();
    }
  }

  /** Tools go first: clients choose their names, whereas slots are counted by the control plane. */
  #evict(): void {
    let fallback: Breaker | undefined;
    for (const level of ['tool', 'replica'] as const)
      for (const entry of this.#servers.values())
        for (const breaker of entry[level].values()) {
          fallback ??= breaker;
          if (breaker.gate.state.kind !== 'closed') continue;
          this.#delete(breaker.server, level, breaker.key);
          this.#options.onEvicted();
          return;
        }
    if (!fallback) return;
    this.#delete(fallback.server, fallback.level, fallback.key);
    this.#options.onEvicted();
  }

  #delete(server: string, level: BreakerLevel, key: string): void {
    if (this.#servers.get(server)?.[level].delete(key)) this.#size--;
  }
}
