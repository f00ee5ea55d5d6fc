import type { Config } from '../config/config-schema.ts';
import type { ProbeTarget } from '../probe/probe-target.ts';
import type { KnownReplica } from '../topology/inputs.ts';

/** How each replica is probed: its server's settings, its backend's Host and TLS. */
export function probeTargets(config: Config, replicas: readonly KnownReplica[]): ProbeTarget[] {
  return replicas.flatMap((replica) => {
    const server = config.servers.find((each) => each.name === replica.server);
    const backend = server?.backends.find((each) => each.name === replica.backend);
    if (!server || !backend) return [];
    const { probe } = server;
    return [{
      server: server.name, replica: replica.name, address: replica.address, path: server.path,
      host: backend.hostOverride ?? server.hostOverride, tls: backend.tls ?? null,
      settings: { ...probe, path: probe.path ?? config.loadBalancer.healthCheckPath, tokenFile: probe.tokenFile ?? null },
    }];
  });
}
