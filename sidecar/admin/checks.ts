import type { HealthCheck } from '../../proto/health/run-checks.ts';
import type { Topology } from '../xds/topology.ts';
import type { Member } from './heartbeats.ts';

export interface WatchedParts {
  /** null: sessions are kept in memory. */
  redis: { ping(): Promise<unknown> } | null;
  topology: () => Topology;
  isControlPlaneConnected: () => boolean;
  isDraining: () => boolean;
  members: () => readonly Member[];
}

/**
 * What a gateway node looks at. Only its own draining is critical. Without Redis, the control plane, a neighbour or a
 * server's replicas it still serves what it can. A balancer that took it out would make things worse.
 */
export function gatewayChecks(parts: WatchedParts): () => HealthCheck[] {
  const { redis } = parts;
  return () => [
    {
      name: 'gateway',
      check: () => (parts.isDraining() ? { healthy: false, error: 'this node is draining' } : { healthy: true }),
    },
    ...(redis
      ? [
          {
            name: 'redis',
            isCritical: false,
            check: async () => {
              await redis.ping();
              return { healthy: true };
            },
          },
        ]
      : []),
    {
      name: 'control-plane',
      isCritical: false,
      check: () =>
        parts.isControlPlaneConnected()
          ? { healthy: true }
          : { healthy: false, error: 'not connected: going on with what was last heard' },
    },
    ...[...parts.topology().servers.values()].map(
      (server): HealthCheck => ({
        name: `server ${server.name}`,
        isCritical: false,
        check: () => {
          const active = server.endpoints.filter(({ state }) => state === 'active').length;
          return {
            healthy: active > 0,
            details: { active, replicas: server.endpoints.length },
            ...(active > 0 ? {} : { error: 'no replica takes new sessions' }),
          };
        },
      }),
    ),
    ...parts
      .members()
      .filter(({ ageMs }) => ageMs !== 0)
      .map(
        ({ nodeId, isUp, ageMs }): HealthCheck => ({
          name: `node ${nodeId}`,
          isCritical: false,
          check: () =>
            isUp
              ? { healthy: true, details: { heartbeatAgeMs: ageMs } }
              : { healthy: false, error: ageMs === null ? 'no heartbeat' : `last heartbeat ${ageMs} ms ago` },
        }),
      ),
  ];
}
