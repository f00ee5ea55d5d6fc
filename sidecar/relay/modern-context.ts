import type { AffinityMemory } from '../affinity/affinity-memory.ts';
import { ListenStreams } from './listen/listen-streams.ts';
import { SharedCache } from './cache/shared-cache.ts';

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
