import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { Counter, type Registry } from 'prom-client';
import type { ProbeResult } from '../probe/probes.ts';
import { contractDiff, type ContractChange } from '../rollout/contract-diff.ts';
import type { Stores } from '../wiring/stores.ts';

type Tools = NonNullable<ProbeResult['tools']>;
interface Backend {
  /** What a replica that nobody knows is compared with: the list that came last. */
  latest: Tools;
  /** Digest of the list that was told last, so that other replicas with the same are not told again. */
  told: string | null;
  /** When events of this backend were told within the last hour. */
  toldAtMs: number[];
}

/** Most replicas whose lists are kept; one that is forgotten is compared with its backend's list. */
const KEPT_REPLICAS = 20_000;
/** An event names so many differences, each with so many characters; the rest is a number. Names come from replicas. */
const NAMED = 10;
const NAMED_LENGTH = 200;
/** A replica that lists other tools every second must not push all other events out: what is more in an hour is only counted. */
const MOST_IN_AN_HOUR = 6;
const HOUR_MS = 3_600_000;

const cut = (text: string): string => (text.length > NAMED_LENGTH ? `${text.slice(0, NAMED_LENGTH)}…` : text);

const digestOf = (tools: Tools): string =>
  createHash('sha256')
    .update(JSON.stringify([...tools].sort((one, other) => (one.name < other.name ? -1 : 1))))
    .digest('base64');

export interface ContractWatchOptions {
  registry: Registry;
  stores: Pick<Stores, 'lease' | 'events'>;
  /** The backend of a replica; undefined for one that is no replica any more. */
  backendOf: (server: string, replica: string) => string | undefined;
  now: () => number;
}

/**
 * Tells when a backend's tools change by themselves. A rollout compares two backends before any session moves; a backend
 * that is compared with itself changed outside of every rollout. The leader alone tells and counts.
 */
export class ContractWatch {
  readonly #options: ContractWatchOptions;
  readonly #changes: Counter;
  readonly #backends = new Map<string, Backend>();
  readonly #replicas = new LRUCache<string, Tools>({ max: KEPT_REPLICAS });

  constructor(options: ContractWatchOptions) {
    this.#options = options;
    this.#changes = new Counter({
      name: 'holdfast_contract_changes_total',
      help: 'Differences of the tools of one backend from what it listed before, by how much they matter to clients.',
      labelNames: ['server_id', 'level'],
      registers: [options.registry],
    });
  }

  /** A replica's list of tools was read again. */
  heard({ server, replica, tools }: Pick<ProbeResult, 'server' | 'replica' | 'tools'>): void {
    const backend = tools === null ? undefined : this.#options.backendOf(server, replica);
    if (tools === null || backend === undefined) return;
    const key = JSON.stringify([server, backend]),
      own = JSON.stringify([server, backend, replica]);
    const known = this.#backends.get(key);
    const former = this.#replicas.get(own) ?? known?.latest;
    this.#replicas.set(own, tools);
    const changes = former === undefined ? [] : contractDiff(former, tools);
    const told = changes.length === 0 ? (known?.told ?? null) : digestOf(tools);
    const nowMs = this.#options.now(),
      toldAtMs = (known?.toldAtMs ?? []).filter((atMs) => nowMs - atMs < HOUR_MS);
    this.#backends.set(key, { latest: tools, told, toldAtMs });
    if (changes.length === 0 || told === known?.told || !this.#options.stores.lease.isLeader) return;
    for (const { level } of changes) this.#changes.inc({ server_id: server, level });
    if (toldAtMs.length >= MOST_IN_AN_HOUR) return;
    toldAtMs.push(nowMs);
    this.#tell({ server, backend, replica, changes }, toldAtMs.length === MOST_IN_AN_HOUR);
  }

  #tell(
    of: { server: string; backend: string; replica: string; changes: readonly ContractChange[] },
    isLast: boolean,
  ): void {
    const { server, backend, replica, changes } = of;
    const named = changes.slice(0, NAMED).map(({ tool, description }) => cut(`${tool}: ${description}`));
    const more =
      (changes.length > NAMED ? `; and ${changes.length - NAMED} more` : '') +
      (isLast
        ? '. For an hour, further changes of this backend are only counted (holdfast_contract_changes_total)'
        : '');
    this.#options.stores.events.append({
      kind: 'contract.changed',
      level: changes.some(({ level }) => level !== 'info') ? 'warning' : 'info',
      server,
      subject: replica,
      message: `${server} ${backend}: ${replica} lists other tools than before, outside a rollout: ${named.join('; ')}${more}`,
      data: {
        backend,
        changes: changes
          .slice(0, NAMED)
          .map(({ level, tool, description }) => ({ level, tool: cut(tool), description: cut(description) })),
      },
    });
  }
}
