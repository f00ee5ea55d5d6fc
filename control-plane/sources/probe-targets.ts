import type { Config } from '../config/config-schema.ts';
import { PROBE_DEFAULTS } from '../probe/probe-settings.ts';
import type { ProbeTarget } from '../probe/probe-target.ts';
import type { KnownReplica } from '../topology/inputs.ts';

/** By the replica's own object, which stays while its source says the same (known-replicas.ts). */
const made = new WeakMap<KnownReplica, { config: Config; target: ProbeTarget }>();

/** How each replica is probed: its server's settings, its backend's Host and TLS. What a server does not say of its plain HTTP checks is the balancer's. */
export function probeTargets(config: Config, replicas: readonly KnownReplica[]): ProbeTarget[] {
  const servers = new Map(config.servers.map((server) => [server.name, server]));
  return replicas.flatMap((replica) => {
    const before = made.get(replica);
    if (before?.config === config) return [before.target];
    const server = servers.get(replica.server);
    const backend = server?.backends.find((each) => each.name === replica.backend);
    if (!server || !backend) return [];
    const { probe } = server,
      { healthCheckPath, healthCheckIntervalMs, healthCheckTimeoutMs } = config.loadBalancer,
      isHttp = probe.type === 'http';
    const target: ProbeTarget = {
      server: server.name,
      replica: replica.name,
      address: replica.address,
      path: server.path,
      host: backend.hostOverride ?? server.hostOverride ?? hostOfClients(server),
      tls: backend.tls ?? null,
      settings: {
        ...probe,
        path: probe.path ?? healthCheckPath,
        tokenFile: probe.tokenFile ?? null,
        headerFiles: server.headerFiles,
        intervalMs: probe.intervalMs ?? (isHttp ? healthCheckIntervalMs : PROBE_DEFAULTS.intervalMs),
        timeoutMs: probe.timeoutMs ?? (isHttp ? healthCheckTimeoutMs : PROBE_DEFAULTS.timeoutMs),
        fullTimeoutMs: probe.timeoutMs ?? server.timeouts.initializeMs,
      },
    };
    made.set(replica, { config, target });
    return [target];
  });
}

/** The Host that clients send, as far as the configuration tells: a server that checks it must find probes as good as clients. */
const hostOfClients = ({ allowedHosts }: Config['servers'][number]): string | null =>
  allowedHosts.find((each) => !each.startsWith('*.')) ?? null;
