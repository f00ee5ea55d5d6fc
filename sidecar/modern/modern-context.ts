import type { AffinityMemory } from './affinity-memory.ts';
import { ListenStreams } from './listen-streams.ts';
import { SharedCache } from './shared-cache.ts';

/** What requests of 2026-07-28 share beyond the relay's own context. */
export interface ModernContext {
  affinity: AffinityMemory;
  cache: SharedCache;
  listens: ListenStreams;
}

export const modernContext = (affinity: AffinityMemory): ModernContext => ({
  affinity,
  cache: new SharedCache(),
  listens: new ListenStreams(),
});
