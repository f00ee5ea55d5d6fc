import type { SessionRecord } from '../../proto/session-record.ts';
import { isSameUpstreamSession, type DirectoryState } from './directory-state.ts';
import { SessionCache } from './session-cache.ts';
import type { Found } from './session-directory.ts';

/** Reads past the cache. The store's word counts, but it may have fallen behind this node after a failover. */
export async function loadSession(state: DirectoryState, server: string, digest: string): Promise<Found> {
  const { store, cache, behind, storeHealth, readLimitMs } = state;
  const key = SessionCache.key(server, digest);
  const answer = await state.ask(readLimitMs, () => store.find(server, digest));
  const local = state.known(key);
  if (state.isEndedHere(key)) return { kind: 'ended' };
  if (answer.kind !== 'answered') return local ? { kind: 'live', record: local } : { kind: 'unsure' };
  const stored = answer.value;
  if (local && knowsMore(local, stored, behind.get(key) !== undefined)) return { kind: 'live', record: local };
  if (stored && !stored.isTombstone) cache.set(key, stored);
  else cache.delete(key);
  if (stored) return stored.isTombstone ? { kind: 'ended' } : { kind: 'live', record: stored };
  return (await storeHealth.takesWrites(readLimitMs)) ? { kind: 'unknown' } : { kind: 'unsure' };
}

/** Whether this node's record is later than the store's. `isBehind`: it was changed here, and the store has yet to learn it. */
function knowsMore(local: SessionRecord, stored: SessionRecord | null, isBehind: boolean): boolean {
  if (!stored) return true;
  if (stored.isTombstone) return false;
  return (
    stored.epoch < local.epoch || (isBehind && stored.epoch === local.epoch && isSameUpstreamSession(stored, local))
  );
}
