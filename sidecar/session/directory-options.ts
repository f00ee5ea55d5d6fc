import type { Clock } from './clock.ts';
import type { SessionStore } from './session-store.ts';

export interface DirectoryOptions {
  store: SessionStore;
  nodeId: string;
  /** Sliding time to live of a server's sessions. */
  ttlSeconds: (server: string) => number;
  /** Time to live of a session that nobody owns until it is used; 0, or left out: as of any. */
  unusedSeconds?: (server: string) => number;
  /** Sessions cached (default 50,000), in at most 2 KB of heap each, taken together. */
  maxCached?: number;
  /** Told of each session that left the cache before its end, for want of room. */
  onEvict?: () => void;
  /** Writes kept while the store is away (default 20,000). */
  maxBehind?: number;
  /** How long a client waits for the record of its new session to be written. */
  writeLimitMs?: number;
  /** How long a decision waits for a record to be read. */
  readLimitMs?: number;
  clock?: Clock;
  /** Told of what the store refused or could not read: nothing that a request could do about. */
  onError?: (error: unknown) => void;
}
