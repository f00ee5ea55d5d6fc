import type { ReplicaEndpoint } from '../../proto/endpoint.ts';

export interface PlacementInput {
  endpoints: readonly ReplicaEndpoint[];
  backends: readonly { name: string; weight: number }[];
  /** Sessions on a slot, those that are just beginning included. */
  load: (slot: string) => number;
  /** Slots that must not be taken. */
  excluded?: ReadonlySet<string>;
  /** Number in [0, 1). */
  random: () => number;
}

/** Chooses where a new session lives: a backend by weight, then of its replicas the one with the fewest sessions for its share. Null when none takes new ones. */
export function place({ endpoints, backends, load, excluded = NONE, random }: PlacementInput): ReplicaEndpoint | null {
  const candidates = endpoints.filter(
    (endpoint) => endpoint.state === 'active' && endpoint.weight > 0 && !excluded.has(endpoint.slot),
  );
  if (candidates.length === 0) return null;
  const backend = weightedBackend(candidates, backends, random());
  const ofBackend = backend === null ? candidates : candidates.filter((endpoint) => endpoint.backend === backend);
  let best: ReplicaEndpoint[] = [],
    bestLoad = Infinity;
  for (const endpoint of ofBackend) {
    const share = (load(endpoint.slot) + 1) / endpoint.weight;
    if (share < bestLoad) {
      bestLoad = share;
      best = [endpoint];
    } else if (share === bestLoad) best.push(endpoint);
  }
  return best[Math.floor(random() * best.length)] ?? null;
}

const NONE: ReadonlySet<string> = new Set();

/** A backend none of whose replicas takes sessions leaves its share to the others. */
function weightedBackend(
  candidates: readonly ReplicaEndpoint[],
  backends: PlacementInput['backends'],
  point: number,
): string | null {
  const usable = backends.filter(
    (backend) => backend.weight > 0 && candidates.some((endpoint) => endpoint.backend === backend.name),
  );
  let rest = point * usable.reduce((sum, backend) => sum + backend.weight, 0);
  for (const backend of usable) {
    rest -= backend.weight;
    if (rest < 0) return backend.name;
  }
  return usable.at(-1)?.name ?? null;
}
