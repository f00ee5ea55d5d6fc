import type { ProbeResult } from '../probe/probes.ts';
import { replicaKey, type TopologyInputs } from '../topology/inputs.ts';
import { ServerTools } from '../topology/server-tools.ts';

/** What the topology takes from the probes: the health of each replica that was looked at, and the tools of each server. */
export function probeInputs(): (results: Iterable<ProbeResult>) => Pick<TopologyInputs, 'health' | 'tools'> {
  const tools = new ServerTools();
  return (results) => {
    const seen = [...results];
    const health = new Map<string, 'healthy' | 'unhealthy'>();
    for (const { server, address, health: state } of seen)
      if (state !== 'unknown') health.set(replicaKey(server, address), state);
    return { health, tools: tools.merge(seen) };
  };
}
