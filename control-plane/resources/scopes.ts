import { RESOURCE } from '../../proto/wire.ts';
import type { TopologySnapshot } from '../topology/topology.ts';
import type { OnMatch } from './matcher.ts';

/** The path of the gateway's own health. */
export const HEALTH_PATH = '/health';

/** What is reached at the beginning of a path. `paths`: all that a request's path may be; none where anything may follow. */
export interface PathEntry {
  onMatch: OnMatch | object;
  paths: readonly string[];
}

/** A server's entries by the prefix of the path, for each host of its own, and for all others (null). */
export type ByHost = ReadonlyMap<string | null, Record<string, PathEntry>>;

/** All of a server's entries, and what is to be known of them to divide them. */
export interface ServerEntries {
  byHost: ByHost;
  /** Every path that a scope can name, once. */
  paths: readonly string[];
  /** Hosts of its own. */
  hosts: readonly string[];
  /** Paths at these. */
  hostPaths: readonly string[];
}

const pathsOf = (entries: readonly Record<string, PathEntry>[]): string[] => [
  ...new Set(entries.flatMap((byPrefix) => Object.values(byPrefix).flatMap(({ paths }) => paths))),
];

export const serverEntries = (byHost: ByHost): ServerEntries => ({
  byHost,
  paths: pathsOf([...byHost.values()]),
  hosts: [...byHost.keys()].filter((host) => host !== null),
  hostPaths: pathsOf([...byHost].flatMap(([host, byPrefix]) => (host === null ? [] : [byPrefix]))),
});

/**
 * Whether each request can be told by its path which route configuration it needs. What is below a path of `routes` can't: Envoy compares whole paths.
 * All routes are one configuration then.
 */
export const hasScopes = ({ servers }: Pick<TopologySnapshot, 'servers'>): boolean =>
  !servers.some(({ policy }) => policy.routes.some((route) => route.endsWith('/*')));

/** What Envoy does, by the prefix of the path, for each host and for all others (null). */
export type EntriesByHost = ReadonlyMap<string | null, Record<string, object>>;

/** The entries of which `isWanted` says yes. */
export function entriesOf(byHost: ByHost, isWanted: (entry: PathEntry) => boolean): EntriesByHost {
  const wanted = new Map<string | null, Record<string, object>>();
  for (const [host, byPrefix] of byHost) {
    const entries = Object.entries(byPrefix).filter(([, entry]) => isWanted(entry));
    if (entries.length > 0)
      wanted.set(host, Object.fromEntries(entries.map(([prefix, { onMatch }]) => [prefix, onMatch])));
  }
  return wanted;
}

/** Which route configuration takes the requests of one path. */
const scope = (path: string, routes: string): [string, object] => [
  path,
  { name: path, key: { fragments: [{ string_key: path }] }, route_configuration_name: routes },
];

/** Of each path: that of the one server that has it; of a path at hosts of servers the one that knows all these hosts. */
export const scopesOf = (
  servers: readonly { name: string; paths: readonly string[] }[],
  hostPaths: ReadonlySet<string>,
): Map<string, object> =>
  new Map([
    ...servers.flatMap(({ name, paths }) => paths.map((path) => scope(path, RESOURCE.serverRoutes(name)))),
    ...[HEALTH_PATH, ...hostPaths].map((path) => scope(path, RESOURCE.otherRoutes)),
  ]);
