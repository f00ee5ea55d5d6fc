import type { Config } from '../config/config-schema.ts';
import { key } from '../discovery/discovery.ts';
import type { ServerConfig } from '../config/server-schema.ts';
import type { DiscoveredReplica, SourceReport } from '../discovery/source.ts';
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
    const found = server.backends.map(({ name }) => reports.get(key(server.name, name))?.replicas ?? null);
    if (found.includes(null)) isComplete = false;
    for (const replica of replicasOf(server, found, hasSlot)) replicas.push(replica);
  }
  return { replicas, isComplete };
}

type Found = ReadonlyArray<readonly DiscoveredReplica[] | null>;

/** By the configuration's own object: what was found last, and what came of it. */
const known = new WeakMap<ServerConfig, { found: Found; replicas: readonly KnownReplica[] }>();

/** Replicas of one server. While its sources say the same they are the very same objects: of hundreds of servers one changes at a time. */
function replicasOf(
  server: ServerConfig,
  found: Found,
  hasSlot: (server: string, address: string) => boolean,
): readonly KnownReplica[] {
  const before = known.get(server);
  if (before?.found.every((each, index) => each === found[index])) return before.replicas;
  const addresses = new Set<string>(),
    names = new Set<string>(),
    replicas: KnownReplica[] = [];
  for (const [index, backend] of server.backends.entries()) {
    const there = (found[index] ?? []).filter((each) => each.isReady !== false || hasSlot(server.name, each.address));
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
  // Whether one that is not ready counts depends on its slot, too.
  if (found.every((each) => each?.every(({ isReady }) => isReady !== false))) known.set(server, { found, replicas });
  else known.delete(server);
  return replicas;
}
