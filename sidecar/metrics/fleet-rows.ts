import type { Topology } from '../xds/topology.ts';

export interface FleetRow {
  server: string;
  isHealthy: boolean;
  replicas: { backend: string; state: string; count: number }[];
}

/** Servers and their replicas by backend and state, as the metrics of the fleet's health want them. */
export function fleetRows(topology: Topology): FleetRow[] {
  return [...topology.servers.values()].map(({ name, endpoints }) => {
    const counts = new Map<string, { backend: string; state: string; count: number }>();
    for (const { backend, state } of endpoints) {
      const key = `${backend}/${state}`,
        row = counts.get(key);
      if (row) row.count += 1;
      else counts.set(key, { backend, state, count: 1 });
    }
    return {
      server: name,
      isHealthy: endpoints.some(({ state }) => state === 'active'),
      replicas: [...counts.values()],
    };
  });
}
