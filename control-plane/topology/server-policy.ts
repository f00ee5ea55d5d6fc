import { serverPolicySchema, type ServerPolicy } from '../../proto/server-policy.ts';
import type { Config } from '../config/config-schema.ts';
import type { ServerConfig } from '../config/server-schema.ts';
import { placesOf } from './places-of.ts';

/** By the configuration's own object, which never changes: parsing 50 servers again for each change of one replica took a third of the time. The schema drops what only the control plane needs. */
const parsed = new WeakMap<ServerConfig, ServerPolicy>();

/** The part of a server's configuration that sidecars need, with what the environment says of all servers. */
export function serverPolicy(server: ServerConfig, config: Config): ServerPolicy {
  const policy =
    parsed.get(server) ??
    serverPolicySchema.parse({
      ...server,
      gatewayLimits: config.gateway.limits,
      places: placesOf(server, config),
      tracing: config.tracing ?? null,
      ...(config.sessionStore.records === 'compact' && { compactRecords: true }),
    });
  parsed.set(server, policy);
  return config.sessionStore.isFailoverEnabled || policy.onReplicaLoss !== 'recover'
    ? policy
    : { ...policy, onReplicaLoss: 'notify404' };
}
