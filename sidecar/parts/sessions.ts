import { createSessionDirectory } from '../session/cached-directory.ts';
import { followStore } from '../session/follow-store.ts';
import type { SessionDirectory } from '../session/session-directory.ts';
import type { Mesh } from './mesh.ts';
import type { Node } from './node.ts';
import type { Storage } from './storage.ts';

/** A server that the control plane has not spoken of: its sessions live as long as the configuration's default. */
const DEFAULT_TTL_SECONDS = 3600;

/** How long the sessions of a server live. */
export const ttlSeconds = ({ server }: Pick<Mesh, 'server'>, name: string): number =>
  server(name)?.policy.sessionTtlSeconds ?? DEFAULT_TTL_SECONDS;

/** The session records that this node knows, over the store that it shares with the others. */
export function openSessions(
  { settings, nodeId, metrics, log, failing }: Node,
  { store }: Storage,
  mesh: Mesh,
): SessionDirectory {
  const directory = createSessionDirectory({
    store,
    nodeId,
    onError: failing('background'),
    maxCached: settings.shared.sessionStore.cachedSessions,
    onEvict: metrics.sessions.evicted,
    ttlSeconds: (name) => ttlSeconds(mesh, name),
    unusedSeconds: (name) => mesh.server(name)?.policy.limits.unusedSessionSeconds ?? 0,
  });
  followStore(directory, metrics.links, log);
  return directory;
}
