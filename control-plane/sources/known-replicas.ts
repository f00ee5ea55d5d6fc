import type { Config } from '../config/config-schema.ts';
import { key } from '../discovery/discovery.ts';
import type { SourceReport } from '../discovery/source.ts';
import type { KnownReplica } from '../topology/inputs.ts';

/**
 * All replicas that the sources name. An address that two backends of a server name belongs to the first: one process has one incarnation.
 * One that is not ready is a replica only when it was one before (`hasSlot`): a pod that still starts is none yet.
 * `isComplete`: every source has answered at least once, so that a replica that is not here is really gone.
 */
export function knownReplicas(
  config: Config,
  reports: ReadonlyMap<string, SourceReport>,
  hasSlot: (server: string, address: string) => boolean,
): { replicas: KnownReplica[]; isComplete: boolean } {
  const replicas: KnownReplica[] = [];
  let isComplete = true;
  for (const server of config.servers) {
    const addresses = new Set<string>(),
      names = new Set<string>();
    for (const backend of server.backends) {
      const found = reports.get(key(server.name, backend.name))?.replicas;
      if (!found) isComplete = false;
      const there = (found ?? []).filter((each) => each.isReady !== false || hasSlot(server.name, each.address));
      for (const { name, address, isTerminating, isReady = true, identity } of there) {
        if (addresses.has(address)) continue;
        addresses.add(address);
        // Names are unique in a backend; two backends may name theirs alike.
        const unique = names.has(name) ? `${backend.name}/${name}` : name;
        names.add(unique);
        replicas.push({
          server: server.name,
          backend: backend.name,
          name: unique,
          address,
          isTerminating,
          isReady,
          ...(identity !== undefined && { identity }),
        });
      }
    }
  }
  return { replicas, isComplete };
}
