import type { Config } from '../config/config-schema.ts';
import { ConfigVersions } from '../config-versions/config-versions.ts';
import { Drains } from '../drain/drains.ts';
import { remainingSessions } from '../drain/remaining-sessions.ts';
import type { ProbeResult } from '../probe/probes.ts';
import { Rollouts, type ServerView } from '../rollout/rollouts.ts';
import { readSlo, type SloView } from '../rollout/slo-reader.ts';
import { SlaHistory } from '../sla/sla-history.ts';
import type { TopologyInputs } from '../topology/inputs.ts';
import { processesOf } from '../topology/processes-of.ts';
import type { GatewayNode, TopologySnapshot } from '../topology/topology.ts';
import type { Stores } from './stores.ts';

export interface OperationsOptions {
  id: string;
  stores: Stores;
  config: () => Config;
  topology: () => TopologySnapshot | null;
  /** By `server/replica`. */
  probes: () => ReadonlyMap<string, ProbeResult>;
  gateways: () => readonly GatewayNode[];
  now: () => number;
  /** What operators want changed. */
  onChange: () => void;
  onError: (error: unknown) => void;
}

export interface Operations {
  drains: Drains;
  rollouts: Rollouts;
  versions: ConfigVersions;
  sla: SlaHistory;
  /** Their share of what topologies are made of. */
  inputs: () => Pick<TopologyInputs, 'drains' | 'weights' | 'gatewaysOut'>;
  /** Once the shared state was read, or could not be. */
  looked: Promise<unknown>;
  stop: () => Promise<void>;
}

/** What operators do: drains, rollouts, versions of the configuration. */
export function startOperations({
  id,
  stores,
  config,
  topology,
  probes,
  gateways,
  now,
  onChange,
  onError,
}: OperationsOptions): Operations {
  const { redis, state, lease, events } = stores;
  const slo = async (server: string): Promise<SloView | null> =>
    redis === null ? null : readSlo(redis, server, now());
  const endpoints = () => (topology()?.servers ?? []).flatMap((server) => server.endpoints);
  const probeOf = (server: string, replica: string) => probes().get(`${server}/${replica}`);

  const drains = new Drains({
    state,
    lease,
    events,
    now,
    onChange,
    onError,
    replicas: () =>
      topology() &&
      endpoints().map(({ server, backend, replica, address, slot, state: is }) => ({
        server,
        backend,
        replica,
        address,
        slot,
        isHealthy: is !== 'unhealthy',
        formerLifeSeenAtMs: probeOf(server, replica)?.formerLifeSeenAtMs ?? null,
      })),
    gateways: () => gateways().map((each) => each.id),
    async inFlightOfGateway(gateway) {
      if (redis === null) return null;
      const views = await Promise.all(config().servers.map((server) => readSlo(redis, server.name, now())));
      const processes = new Set(processesOf(gateways(), gateway).map((each) => each.id));
      return views
        .flatMap(({ inFlightByNode }) => [...inFlightByNode])
        .reduce((sum, [node, calls]) => sum + (processes.has(node) ? calls : 0), 0);
    },
    async remainingOn(server, slot) {
      if (redis === null) return { sessions: 0, inFlight: null, lastActivityMs: null };
      const ttlSeconds = config().servers.find((each) => each.name === server)?.sessionTtlSeconds ?? 3600;
      const [sessions, counted] = await Promise.all([
        remainingSessions(redis, server, slot, ttlSeconds, now()),
        slo(server),
      ]);
      // Calls that no relay holds are counted by nobody.
      const isCounted =
        config()
          .servers.find((each) => each.name === server)
          ?.guard.includes('calls') ?? false;
      return { ...sessions, inFlight: isCounted ? (counted?.inFlight.get(slot) ?? 0) : null };
    },
  });

  const rollouts = new Rollouts({
    state,
    lease,
    events,
    now,
    onChange,
    onError,
    slo,
    isCounted: redis !== null,
    servers: () =>
      config().servers.map(
        (server): ServerView => ({
          name: server.name,
          backends: server.backends.map((backend) => {
            const healthy = endpoints().filter(
              (each) => each.server === server.name && each.backend === backend.name && each.state !== 'unhealthy',
            );
            const listed = healthy
              .map((each) => probeOf(server.name, each.replica))
              .find((each) => each?.tools != null);
            return {
              name: backend.name,
              weight: backend.weight,
              healthy: topology() && healthy.length,
              tools: listed?.tools ?? null,
            };
          }),
        }),
      ),
  });

  const sla = new SlaHistory({ servers: () => config().servers.map(({ name }) => name), read: slo, now, onError });
  return {
    drains,
    rollouts,
    sla,
    versions: new ConfigVersions(state, id, now),
    looked: Promise.all([drains.tick(), rollouts.tick()]),
    inputs: () => ({
      drains: [
        ...drains
          .current()
          .flatMap(
            ({ target }): Array<TopologyInputs['drains'][number]> =>
              target.kind === 'replica'
                ? [{ server: target.server, replica: target.replica }]
                : target.kind === 'backend'
                  ? [{ server: target.server, backend: target.backend }]
                  : [],
          ),
        // A backend that was rolled back and whose sessions are recalled: they move as those of a drained one do.
        ...rollouts.recalls(),
      ],
      weights: rollouts.weights(),
      gatewaysOut: drains.current().flatMap(({ target }) => (target.kind === 'gateway' ? [target.gateway] : [])),
    }),
    async stop() {
      sla.stop();
      await Promise.all([drains.stop(), rollouts.stop()]);
    },
  };
}
