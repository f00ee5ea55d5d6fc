import type { ReplicaState } from '../../proto/endpoint.ts';

/** What a replica may take, from what is known of it. */
export function replicaState({
  isHealthy,
  isDraining,
  backendWeight,
}: {
  isHealthy: boolean;
  isDraining: boolean;
  backendWeight: number;
}): ReplicaState {
  if (!isHealthy) return 'unhealthy';
  if (isDraining) return 'draining';
  return backendWeight > 0 ? 'active' : 'standby';
}
