import { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { contained, type InternalErrors } from '../../proto/internal-errors.ts';
import { anotherConnection } from '../../proto/redis/redis-client.ts';
import { CHANNEL } from '../../proto/wire.ts';
import { Discovery } from '../discovery/discovery.ts';
import type { SourceReport } from '../discovery/source.ts';
import { Probes, type ProbeResult } from '../probe/probes.ts';
import { parseReport } from '../probe/reports.ts';
import { Slots } from '../slots/slots.ts';
import type { TopologyInputs } from '../topology/inputs.ts';
import type { GatewayNode } from '../topology/topology.ts';
import type { Stores } from '../wiring/stores.ts';
import { backendsToWatch } from './backends-to-watch.ts';
import { watchChannel } from './channel-watch.ts';
import type { ConfigSource } from './config-source.ts';
import { ContractWatch } from './contract-watch.ts';
import { FollowedReplicas } from './followed-replicas.ts';
import { placedReplicas } from './placed-replicas.ts';
import { probeInputs } from './probe-inputs.ts';
import type { Source, SourceEvents } from './source.ts';
import { tellHealth } from './tell-health.ts';

export interface ReplicaSourceOptions {
  config: Pick<ConfigSource, 'current' | 'on'>;
  gateways: { nodes(): GatewayNode[] };
  stores: Stores;
  registry: Registry;
  errors: InternalErrors;
  log: Logger;
  now: () => number;
}

/** Following takes so long with a thousand replicas. */
const QUICK_MS = 5,
  LONGEST_PAUSE_MS = 200;

type Part = Pick<TopologyInputs, 'replicas' | 'health' | 'tools' | 'slots' | 'lostSlots'>;

/** The replicas of all servers: where they are (discovery), which incarnation each is (slots), and how each is (probes). */
export class ReplicaSource extends EventEmitter<SourceEvents> implements Source<Part> {
  readonly probes: Probes;
  readonly #options: ReplicaSourceOptions;
  readonly #slots: Slots;
  readonly #discovery: Discovery;
  readonly #followed: FollowedReplicas;
  readonly #contracts: ContractWatch;
  readonly #fromProbes = probeInputs();
  readonly #stopReports: () => void;
  #isComplete = false;
  #hasSpoken = false;
  #isToFollow = false;
  #followTookMs = 0;

  constructor(options: ReplicaSourceOptions) {
    super();
    this.#options = options;
    const { config, gateways, stores, errors, log, now } = options;
    const caught = (where: string) => (error: unknown) => errors.report(where, error);
    const changed = (): void => {
      this.emit('change');
    };
    this.#slots = new Slots({
      store: stores.slots,
      keepLostMs: (name) =>
        (config.current.servers.find((each) => each.name === name)?.sessionTtlSeconds ?? 3600) * 1000,
      onError: caught('slots'),
    });
    this.#slots.on('change', changed);
    this.#slots.on('away', (error) =>
      log.warn({ error: error.message }, 'slot store is away; slots are kept here until it is back'),
    );
    this.#slots.on('back', () => log.info('slot store is back'));
    this.probes = new Probes({ onChange: (result, before) => this.#probed(result, before), errors });
    this.#discovery = new Discovery({ errors, onChange: (...found) => this.#found(...found) });
    this.#followed = new FollowedReplicas({
      config: () => config.current,
      found: () => this.#discovery.current(),
      gateways: () => gateways.nodes(),
      isLeader: () => stores.lease.isLeader,
      slots: this.#slots,
      probes: this.probes,
      now,
      log,
      onChange: changed,
      onError: caught('slots'),
    });
    this.#contracts = new ContractWatch({
      ...options,
      backendOf: (server, replica) => this.#followed.backendOf(server, replica),
    });
    config.on('change', () => this.#watch());
    stores.onLeader((isLeader) => {
      log.info({ isLeader }, isLeader ? 'leading now' : 'not leading any more');
      this.#followed.follow();
    });
    const { redis } = stores;
    this.#stopReports = redis
      ? watchChannel(anotherConnection(redis), CHANNEL.reports, (text) => this.#complaint(text), caught('reports'))
      : () => {};
  }

  /** Reads the slots that were given before. */
  async start(): Promise<void> {
    await this.#slots.start();
  }

  /** What each source of replicas says, without nodes of the mesh itself. */
  reports(): ReadonlyMap<string, SourceReport> {
    return this.#followed.reports();
  }

  part(): Part | null {
    const { replicas, isComplete } = this.#followed.known();
    this.#isComplete ||= isComplete;
    const hasSlot = ({ server, address }: (typeof replicas)[number]) =>
      this.#slots.slotOf(server, address) !== undefined;
    const placed = placedReplicas(replicas, hasSlot, !this.#hasSpoken);
    if (!this.#isComplete || placed === null) return null;
    this.#hasSpoken = true;
    const { slots, lostSlots } = this.#slots;
    return { replicas: placed, ...this.#fromProbes(this.probes.current().values()), slots, lostSlots };
  }

  async stop(): Promise<void> {
    this.#stopReports();
    await Promise.all([this.#discovery.stop(), this.probes.stop()]);
    this.#slots.close();
  }

  #watch(): void {
    this.#discovery.watch(backendsToWatch(this.#options.config.current));
    this.#followed.follow();
  }

  #found(server: string, backend: string, { problem }: SourceReport): void {
    if (problem !== null)
      this.#options.log.warn({ server, backend, problem }, 'discovery keeps the last known replicas');
    this.#followSoon();
  }

  /** One listing of a namespace tells of hundreds of servers in one go. With thousands of replicas half of the time is left for everything else. */
  #followSoon(): void {
    if (this.#isToFollow) return;
    this.#isToFollow = true;
    const follow = (): void => {
      this.#isToFollow = false;
      const begunMs = performance.now();
      this.#followed.follow();
      this.#followTookMs = performance.now() - begunMs;
    };
    const run = contained(this.#options.errors, 'discovery', follow);
    if (this.#followTookMs < QUICK_MS) queueMicrotask(run);
    else setTimeout(run, Math.min(LONGEST_PAUSE_MS, this.#followTookMs * 2)).unref();
  }

  #probed(result: ProbeResult, before: Pick<ProbeResult, 'health' | 'tools'>): void {
    if (result.tools !== before.tools) this.#contracts.heard(result);
    tellHealth(result, before, this.#options.stores, this.#options.log);
    this.#followed.renew(result, result.formerIncarnationSeenAtMs);
    this.emit('change');
  }

  /** A gateway could not reach a replica: its probe looks at once. */
  #complaint(text: string): void {
    const report = parseReport(text);
    if (!report) return;
    const { server, slot } = report;
    const replica = this.#followed
      .known()
      .replicas.find((each) => each.server === server && this.#slots.slotOf(server, each.address) === slot);
    if (replica) this.probes.report(server, replica.name);
  }
}
