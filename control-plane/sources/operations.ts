import { EventEmitter } from 'node:events';
import type { BackendConfig } from '../config/backend-schema.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import { Drains, type DrainsOptions } from '../drain/drains.ts';
import { remainingSessions } from '../drain/remaining-sessions.ts';
import type { InternalErrors } from '../../proto/internal-errors.ts';
import type { ProbeResult } from '../probe/probes.ts';
import { Rollouts, type ServerView } from '../rollout/rollouts.ts';
import { readSlo, type SloView } from '../rollout/slo-reader.ts';
import { SlaHistory } from '../sla/sla-history.ts';
import type { TopologyInputs } from '../topology/inputs.ts';
import { processesOf } from '../topology/processes-of.ts';
import type { GatewayNode, TopologySnapshot } from '../topology/topology.ts';
import type { Stores } from '../wiring/stores.ts';
import type { ConfigSource } from './config-source.ts';
import { hasLooked, type Source, type SourceEvents } from './source.ts';

export interface OperationsOptions {
  config: Pick<ConfigSource, 'current'>;
  stores: Stores;
  /** What gateways were told: operations act on what runs. */
  topology: { readonly snapshot: TopologySnapshot | null };
  /** By `server/replica`. */
  probes: { of(server: string, replica: string): ProbeResult | undefined };
  gateways: { nodes(): readonly GatewayNode[] };
  errors: InternalErrors;
  now: () => number;
}

type Part = Pick<TopologyInputs, 'drains' | 'weights' | 'gatewaysOut'>;

/** What operators want: drains and rollouts. With them the history that they are judged by. */
export class Operations extends EventEmitter<SourceEvents> implements Source<Part> {
  readonly drains: Drains;
  readonly rollouts: Rollouts;
  readonly sla: SlaHistory;
  readonly #options: OperationsOptions;
  readonly #hasLooked: () => boolean;

  constructor(options: OperationsOptions) {
    super();
    this.#options = options;
    const { stores, config, errors, now } = options;
    const onError = (error: unknown): void => errors.report('operations', error);
    const onChange = (): void => {
      this.emit('change');
    };
    const shared = { state: stores.state, lease: stores.lease, events: stores.events, now, onChange, onError };
    const slo = (server: string): Promise<SloView | null> => this.#slo(server);
    this.drains = new Drains({
      ...shared,
      replicas: () => this.#replicas(),
      gateways: () => options.gateways.nodes().map(({ id }) => id),
      inFlightOfGateway: (gateway) => this.#inFlightOfGateway(gateway),
      remainingOn: (server, slot) => this.#remainingOn(server, slot),
    });
    this.rollouts = new Rollouts({
      ...shared,
      slo,
      isCounted: stores.redis !== null,
      servers: () => {
        const known = new Map(options.topology.snapshot?.servers.map((server) => [server.name, server.endpoints]));
        return config.current.servers.map(({ name, backends }) => ({
          name,
          backends: backends.map((backend) => this.#backend(name, backend, known.get(name) ?? [])),
        }));
      },
    });
    this.sla = new SlaHistory({
      servers: () => config.current.servers.map(({ name }) => name),
      read: slo,
      now,
      onError,
    });
    this.#hasLooked = hasLooked(Promise.all([this.drains.tick(), this.rollouts.tick()]), onChange);
  }

  part(): Part | null {
    if (!this.#hasLooked()) return null;
    const targets = this.drains.current().map(({ target }) => target);
    return {
      drains: [
        ...targets.flatMap((target): Part['drains'][number][] =>
          target.kind === 'replica'
            ? [{ server: target.server, replica: target.replica }]
            : target.kind === 'backend'
              ? [{ server: target.server, backend: target.backend }]
              : [],
        ),
        // A backend that was rolled back and whose sessions are recalled: they move as those of a drained one do.
        ...this.rollouts.recalls(),
      ],
      weights: this.rollouts.weights(),
      gatewaysOut: targets.flatMap((target) => (target.kind === 'gateway' ? [target.gateway] : [])),
    };
  }

  async stop(): Promise<void> {
    this.sla.stop();
    await Promise.all([this.drains.stop(), this.rollouts.stop()]);
  }

  async #slo(server: string): Promise<SloView | null> {
    const { stores, now } = this.#options;
    return stores.redis === null ? null : readSlo(stores.redis, server, now());
  }

  #endpoints() {
    return (this.#options.topology.snapshot?.servers ?? []).flatMap((server) => server.endpoints);
  }

  #probeOf(server: string, replica: string): ProbeResult | undefined {
    return this.#options.probes.of(server, replica);
  }

  #replicas(): ReturnType<DrainsOptions['replicas']> {
    if (!this.#options.topology.snapshot) return null;
    return this.#endpoints().map(({ server, backend, replica, address, slot, state }) => ({
      server,
      backend,
      replica,
      address,
      slot,
      isHealthy: state !== 'unhealthy',
      formerIncarnationSeenAtMs: this.#probeOf(server, replica)?.formerIncarnationSeenAtMs ?? null,
    }));
  }

  #backend(
    server: string,
    { name, weight }: BackendConfig,
    endpoints: readonly ReplicaEndpoint[],
  ): ServerView['backends'][number] {
    const healthy = endpoints.filter((each) => each.backend === name && each.state !== 'unhealthy');
    const listed = healthy.map(({ replica }) => this.#probeOf(server, replica)).find((probe) => probe?.tools != null);
    return {
      name,
      weight,
      healthy: this.#options.topology.snapshot && healthy.length,
      tools: listed?.tools ?? null,
    };
  }

  async #inFlightOfGateway(gateway: string): Promise<number | null> {
    const { stores, config, gateways, now } = this.#options;
    const { redis } = stores;
    if (redis === null) return null;
    const views = await Promise.all(config.current.servers.map(({ name }) => readSlo(redis, name, now())));
    const processes = new Set(processesOf(gateways.nodes(), gateway).map(({ id }) => id));
    return views
      .flatMap(({ inFlightByNode }) => [...inFlightByNode])
      .reduce((sum, [node, calls]) => sum + (processes.has(node) ? calls : 0), 0);
  }

  async #remainingOn(server: string, slot: string): ReturnType<DrainsOptions['remainingOn']> {
    const { stores, config, now } = this.#options;
    if (stores.redis === null) return { sessions: 0, inFlight: null, lastActivityMs: null };
    const settings = config.current.servers.find(({ name }) => name === server);
    const ttlSeconds = settings?.sessionTtlSeconds ?? 3600;
    const [sessions, counted] = await Promise.all([
      remainingSessions(stores.redis, server, slot, ttlSeconds, now()),
      this.#slo(server),
    ]);
    // Calls that no relay holds are counted by nobody.
    const isCounted = settings?.guard.includes('calls') ?? false;
    return { ...sessions, inFlight: isCounted ? (counted?.inFlight.get(slot) ?? 0) : null };
  }
}
