import type { HealthCheck } from '../../proto/health/run-checks.ts';
import { probeWrites } from '../../proto/redis/probe-writes.ts';
import type { RedisClient } from '../../proto/redis/redis-client.ts';
import type { SourceReport } from '../discovery/source.ts';
import type { TopologySnapshot } from '../topology/topology.ts';

export interface WatchedParts {
  /** null: state is kept in a file. */
  redis: Pick<RedisClient, 'set'> | null;
  topology: () => TopologySnapshot | null;
  /** Why the topology is not the newest; null while it is. */
  problem: () => string | null;
  discovery: () => ReadonlyMap<string, SourceReport>;
  /** Why pods can't be injected; null while they can, and where nobody wants it. */
  injection: () => string | null;
  /** Why servers of the Kubernetes cluster may be old. */
  cluster: () => string | null;
}

/**
 * What a control plane looks at: Redis, one check per server, the sources of replicas. Only that it knows the topology is critical: restarting
 * it brings neither Redis nor a server back, and gateways go on with what they have.
 */
export function controlPlaneChecks({
  redis,
  topology,
  problem,
  discovery,
  injection,
  cluster,
}: WatchedParts): () => HealthCheck[] {
  return () => [
    {
      name: 'topology',
      check() {
        const known = topology();
        return known
          ? { healthy: true, details: { servers: known.servers.length, gateways: known.gateways.length } }
          : { healthy: false, error: 'not every replica is known yet' };
      },
    },
    {
      name: 'control-loop',
      isCritical: false,
      check: () => (problem() === null ? { healthy: true } : { healthy: false, error: problem() ?? '' }),
    },
    ...Object.entries({ injection: injection(), 'cluster-servers': cluster() }).flatMap(
      ([name, error]): HealthCheck[] =>
        error === null ? [] : [{ name, isCritical: false, check: () => ({ healthy: false, error }) }],
    ),
    {
      name: 'session-store',
      isCritical: false,
      check: async () => {
        if (redis) await probeWrites(redis, 'control-plane');
        return { healthy: true, details: { type: redis ? 'redis' : 'memory' } };
      },
    },
    ...(topology()?.servers ?? []).map(
      (server): HealthCheck => ({
        name: `server ${server.name}`,
        isCritical: false,
        check() {
          const healthy = server.endpoints.filter(({ state }) => state !== 'unhealthy').length;
          return {
            healthy: healthy > 0,
            details: {
              healthy,
              replicas: server.endpoints.length,
              taking: server.endpoints.filter(({ weight }) => weight > 0).length,
            },
            ...(healthy > 0 ? {} : { error: 'no healthy replica' }),
          };
        },
      }),
    ),
    ...[...discovery()].flatMap(([backend, { problem: error }]): HealthCheck[] =>
      error === null
        ? []
        : [{ name: `discovery ${backend}`, isCritical: false, check: () => ({ healthy: false, error }) }],
    ),
  ];
}
