import type { ServerConfig } from '../config/server-schema.ts';
import type { Wanted } from './mcp-server.ts';

/** What became of what objects of the cluster ask for. */
export interface Claims {
  /** Those in force, by name. */
  servers: ServerConfig[];
  /** Why an object has no effect, by `kind namespace/name`; null where it has. */
  problems: ReadonlyMap<string, string | null>;
}

/**
 * Who has a name: the configuration file, then resources, then annotated Services; among those the oldest, so that nobody takes what another has. All
 * control planes come to the same, in whatever order they heard of things. `most`: how many there may be in all, and of one namespace, so
 * that its owner can't keep the others out.
 */
export function claims(
  inFile: ReadonlySet<string>,
  wanted: readonly Wanted[],
  most: { inAll: number; ofNamespace: number },
  problemOf: (config: ServerConfig) => string | null,
): Claims {
  const owners = new Map<string, string>(),
    servers: ServerConfig[] = [],
    ofNamespace = new Map<string, number>(),
    problems = new Map<string, string | null>();
  for (const each of [...wanted].sort(inOrder)) {
    const [namespace = ''] = each.object.split('/', 1);
    const others = ofNamespace.get(namespace) ?? 0;
    const owner = inFile.has(each.server) ? 'the configuration file' : owners.get(each.server);
    const problem =
      each.problem ??
      (owner === undefined
        ? null
        : `the server ${each.server} is ${owner}’s already; take another name (spec.server)`) ??
      (servers.length < most.inAll
        ? null
        : `there are ${most.inAll} servers from the cluster already (controlPlane.kubernetes.servers.max)`) ??
      (others < most.ofNamespace
        ? null
        : `the namespace ${namespace} has ${others} servers already, which is its share (half of controlPlane.kubernetes.servers.max)`) ??
      (each.config ? problemOf(each.config) : null);
    problems.set(keyOf(each), problem);
    if (problem !== null || !each.config) continue;
    owners.set(each.server, keyOf(each));
    servers.push(each.config);
    ofNamespace.set(namespace, others + 1);
  }
  return { servers: servers.sort((a, b) => (a.name < b.name ? -1 : 1)), problems };
}

export const keyOf = ({ kind, object }: Pick<Wanted, 'kind' | 'object'>): string => `${kind} ${object}`;

const inOrder = (a: Wanted, b: Wanted): number =>
  a.kind.localeCompare(b.kind, 'en') || a.createdMs - b.createdMs || (a.object < b.object ? -1 : 1);
