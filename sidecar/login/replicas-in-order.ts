import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { ServerView } from '../xds/topology.ts';

const ORDER: Partial<Record<ReplicaEndpoint['state'], number>> = { active: 0, standby: 1, draining: 2 };

/**
 * Whom to ask, best first. Every gateway asks the same replica for as long as that lives, the one with the oldest slot: servers commonly keep clients and
 * codes of a log-in that is under way in memory.
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
