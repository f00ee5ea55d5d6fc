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
}

/** Most replicas whose lists are kept; one that is forgotten is compared with its backend's list. */
const KEPT_REPLICAS = 20_000;
/** An event names so many differences; the rest is a number. */
const NAMED = 10;

const digestOf = (tools: Tools): string =>
  createHash('sha256')
    .update(JSON.stringify([...tools].sort((one, other) => (one.name < other.name ? -1 : 1))))
    .digest('base64');

export interface ContractWatchOptions {
  registry: Registry;
  stores: Pick<Stores, 'lease' | 'events'>;
  /** The backend of a replica; undefined for one that is no replica any more. */
  backendOf: (server: string, replica: string) => string | undefined;
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
    this.#backends.set(key, { latest: tools, told });
    if (changes.length > 0 && told !== known?.told && this.#options.stores.lease.isLeader)
      this.#tell({ server, backend, replica, changes });
  }

  #tell(of: { server: string; backend: string; replica: string; changes: readonly ContractChange[] }): void {
    const { server, backend, replica, changes } = of;
    for (const { level } of changes) this.#changes.inc({ server_id: server, level });
    const named = changes.slice(0, NAMED).map(({ tool, description }) => `${tool}: ${description}`);
    const more = changes.length > NAMED ? `; and ${changes.length - NAMED} more` : '';
    this.#options.stores.events.append({
      kind: 'contract.changed',
      level: changes.some(({ level }) => level !== 'info') ? 'warning' : 'info',
      server,
      subject: replica,
      message: `${server} ${backend}: ${replica} lists other tools than before, outside a rollout: ${named.join('; ')}${more}`,
      data: { backend, changes: changes.slice(0, NAMED) },
    });
  }
}
