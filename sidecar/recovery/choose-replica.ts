import type { ReplicaEndpoint } from '../../proto/endpoint.ts';

export interface ReplicaChoice {
  endpoints: Iterable<ReplicaEndpoint>;
  /** Backend that the session belongs to: another version only when none of its own is left. */
  backend: string;
  /** Slots that must not be taken. */
  excluded: ReadonlySet<string>;
  /** Sessions on a slot, those on their way there included. */
  load: (slot: string) => number;
  /** 0 ≤ random < 1: breaks ties. */
  random: () => number;
}

/** The replica that a lost session goes to: of its own backend, with the fewest sessions. Null when no replica can take it. */
export function chooseReplica({ endpoints, backend, excluded, load, random }: ReplicaChoice): ReplicaEndpoint | null {
  const own: ReplicaEndpoint[] = [],
    others: ReplicaEndpoint[] = [];
  for (const endpoint of endpoints) {
    if (excluded.has(endpoint.slot)) continue;
    // a standby backend keeps what it has, and this session is what it has
    if (endpoint.backend === backend && (endpoint.state === 'active' || endpoint.state === 'standby'))
      own.push(endpoint);
    else if (endpoint.state === 'active') others.push(endpoint);
  }
  return fewest(own, load, random) ?? fewest(others, load, random);
}

function fewest(
  endpoints: ReplicaEndpoint[],
  load: (slot: string) => number,
  random: () => number,
): ReplicaEndpoint | null {
  let best: ReplicaEndpoint | null = null,
    bestLoad = Infinity,
    ties = 0;
  for (const endpoint of endpoints) {
    const its = load(endpoint.slot);
    if (its < bestLoad) {
      best = endpoint;
      bestLoad = its;
      ties = 1;
    } else if (its === bestLoad && random() < 1 / ++ties) best = endpoint;
  }
  return best;
}
