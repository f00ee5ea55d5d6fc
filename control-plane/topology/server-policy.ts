import { serverPolicySchema, type ServerPolicy } from '../../proto/server-policy.ts';
import type { Config } from '../config/config-schema.ts';
import type { ServerConfig } from '../config/server-schema.ts';

/** The part of a server's configuration that sidecars need, with what the environment says of all servers. */
export function serverPolicy(server: ServerConfig, config: Config): ServerPolicy {
  // The schema drops what only the control plane needs (backends, probe, …).
  const policy = serverPolicySchema.parse(server);
  return config.sessionStore.isFailoverEnabled || policy.onReplicaLoss !== 'recover' ? policy : { ...policy, onReplicaLoss: 'notify404' };
}
