import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { INTERNAL_SECONDS } from './buckets.ts';

/** What the sidecar depends on: Redis, the control plane, the other gateways, certificates, servers' health. */
export function linkMetrics(registry: Registry, onServer: (server: string, backends: string[]) => void = () => {}) {
  const registers = [registry];
  const redis = new Histogram({
    name: 'holdfast_redis_duration_seconds',
    help: 'Duration of Redis commands.',
    labelNames: ['command'],
    buckets: INTERNAL_SECONDS,
    registers,
  });
  const redisErrors = new Counter({
    name: 'holdfast_redis_errors_total',
    help: 'Redis commands that failed or timed out.',
    labelNames: ['command', 'kind'],
    registers,
  });
  const redisUp = new Gauge({
    name: 'holdfast_redis_up',
    help: '1 while this process is connected to Redis.',
    registers,
  });
  const redisWritable = new Gauge({
    name: 'holdfast_redis_writable',
    help: '0 while Redis answers but refuses writes: full, read-only, or without the rights.',
    registers,
  });
  const xdsUpdates = new Counter({
    name: 'holdfast_xds_updates_total',
    help: 'Configuration updates from the control plane, by what this process answered (ack, nack).',
    labelNames: ['type', 'result'],
    registers,
  });
  const xdsVersion = new Gauge({
    name: 'holdfast_xds_version_info',
    help: '1 for the version of each resource type that is in force.',
    labelNames: ['type', 'version'],
    registers,
  });
  const xdsConnected = new Gauge({
    name: 'holdfast_xds_connected',
    help: '1 while the stream to the control plane is open.',
    registers,
  });
  const gatewayUp = new Gauge({
    name: 'holdfast_gateway_up',
    help: '1 for each gateway node of the cluster whose heartbeat is fresh.',
    labelNames: ['node'],
    registers,
  });
  const heartbeatAge = new Gauge({
    name: 'holdfast_gateway_heartbeat_age_seconds',
    help: 'Age of each gateway node’s heartbeat.',
    labelNames: ['node'],
    registers,
  });
  const certificate = new Gauge({
    name: 'holdfast_certificate_days_left',
    help: 'Days until a certificate ends.',
    labelNames: ['certificate'],
    registers,
  });
  const peersRefused = new Counter({
    name: 'holdfast_peers_refused_total',
    help: 'Connections from other machines that were no gateway’s of this mesh, by port (relay, ext_proc) and why.',
    labelNames: ['entry', 'reason'],
    registers,
  });
  const certificateRenewals = new Counter({
    name: 'holdfast_certificate_renewals_total',
    help: 'Renewals of the certificate of a pod that joined by its ServiceAccount (renewed, failed).',
    labelNames: ['result'],
    registers,
  });
  const checkUp = new Gauge({
    name: 'holdfast_health_check_up',
    help: '1 for each registered health check that passes.',
    labelNames: ['check'],
    registers,
  });
  const checkDuration = new Gauge({
    name: 'holdfast_health_check_duration_seconds',
    help: 'How long each health check took when it last ran.',
    labelNames: ['check'],
    registers,
  });
  const serverHealth = new Gauge({
    name: 'mcp_server_health',
    help: '1 while a server has a replica that takes new sessions, else 0.',
    labelNames: ['server_id'],
    registers,
  });
  const replicas = new Gauge({
    name: 'mcp_server_replicas',
    help: 'Replicas of a server by state.',
    labelNames: ['server_id', 'backend', 'state'],
    registers,
  });
  const versions = new Map<string, string>();

  return {
    redis(command: string, durationMs: number, error?: 'timeout' | 'refused' | 'other'): void {
      redis.observe({ command }, durationMs / 1000);
      if (error) redisErrors.inc({ command, kind: error });
    },
    redisUp(isUp: boolean, isWritable: boolean): void {
      redisUp.set(isUp ? 1 : 0);
      redisWritable.set(isWritable ? 1 : 0);
    },
    xdsUpdate(type: string, result: 'ack' | 'nack'): void {
      xdsUpdates.inc({ type, result });
    },
    xdsVersion(type: string, version: string): void {
      const previous = versions.get(type);
      if (previous !== undefined && previous !== version) xdsVersion.remove({ type, version: previous });
      versions.set(type, version);
      xdsVersion.set({ type, version }, 1);
    },
    xdsConnected(isConnected: boolean): void {
      xdsConnected.set(isConnected ? 1 : 0);
    },
    gateway(node: string, isUp: boolean, heartbeatAgeMs: number): void {
      gatewayUp.set({ node }, isUp ? 1 : 0);
      heartbeatAge.set({ node }, heartbeatAgeMs / 1000);
    },
    forgetGateway(node: string): void {
      gatewayUp.remove({ node });
      heartbeatAge.remove({ node });
    },
    certificate(name: string, daysLeft: number): void {
      certificate.set({ certificate: name }, daysLeft);
    },
    certificateRenewal(result: 'renewed' | 'failed'): void {
      certificateRenewals.inc({ result });
    },
    peerRefused(entry: string, reason: string): void {
      peersRefused.inc({ entry, reason });
    },
    healthCheck(check: string, isHealthy: boolean, durationMs: number): void {
      checkUp.set({ check }, isHealthy ? 1 : 0);
      checkDuration.set({ check }, durationMs / 1000);
    },
    /** The whole table at once, so that servers and states that are gone leave no series behind. */
    servers(
      rows: Iterable<{
        server: string;
        isHealthy: boolean;
        replicas: Iterable<{ backend: string; state: string; count: number }>;
      }>,
    ): void {
      serverHealth.reset();
      replicas.reset();
      for (const row of rows) {
        serverHealth.set({ server_id: row.server }, row.isHealthy ? 1 : 0);
        const own = [...row.replicas];
        onServer(row.server, [...new Set(own.map(({ backend }) => backend))]);
        for (const { backend, state, count } of own) replicas.set({ server_id: row.server, backend, state }, count);
      }
    },
  };
}
