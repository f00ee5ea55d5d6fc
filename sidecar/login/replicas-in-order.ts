import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { ServerView } from '../xds/topology.ts';

const ORDER: Partial<Record<ReplicaEndpoint['state'], number>> = { active: 0, standby: 1, draining: 2 };

/**
 * Whom to ask, best first. Every gateway asks the replica with the oldest slot, as long as that one is there. Servers
 * commonly keep clients and codes of an unfinished log-in in memory.
 */
export const replicasInOrder = ({ endpoints }: Pick<ServerView, 'endpoints'>): ReplicaEndpoint[] =>
  endpoints
    .filter(({ state }) => ORDER[state] !== undefined)
    .sort(
      (a, b) =>
        (ORDER[a.state] ?? 0) - (ORDER[b.state] ?? 0) ||
        Number(b.weight > 0) - Number(a.weight > 0) ||
        parseInt(a.slot, 36) - parseInt(b.slot, 36),
    );
