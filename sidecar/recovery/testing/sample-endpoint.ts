import type { ReplicaEndpoint, ReplicaState } from '../../../proto/endpoint.ts';

/** A replica whose name and address are its slot's. */
export const sampleEndpoint = (slot: string, backend = 'stable', state: ReplicaState = 'active'): ReplicaEndpoint => ({
  server: 's',
  replica: slot,
  backend,
  slot,
  address: slot,
  state,
  isSteady: true,
  weight: 1,
});
