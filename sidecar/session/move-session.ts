import type { SessionRecord } from '../../proto/session-record.ts';
import type { DirectoryState, StoreAnswer } from './directory-state.ts';
import { loadSession } from './load-session.ts';
import { SessionCache } from './session-cache.ts';
import type { Moved } from './session-directory.ts';
import type { PendingWrite } from './write-behind.ts';

/** Moves a session by compare-and-set on its epoch. Without the store the move holds on this node, and is reconciled later. */
export async function moveSession(state: DirectoryState, record: SessionRecord, expectedEpoch: number): Promise<Moved> {
  const key = SessionCache.key(record.server, record.digest);
  if (state.isEndedHere(key)) return { kind: 'ended' };
  const answer = await state.ask(state.readLimitMs, () => state.store.update(record, expectedEpoch));
  const local = state.known(key);
  if (answer.kind !== 'answered') {
    if (local && local.epoch !== expectedEpoch) return { kind: 'conflict', record: local };
    return moveHere(state, key, record, answer);
  }
  if (answer.value === 'ok') return state.settleMove(record, true);
  if (answer.value === 'newer') return { kind: 'newer' };
  const found = await loadSession(state, record.server, record.digest);
  if (found.kind === 'ended') return { kind: 'ended' };
  if (found.kind === 'live' && (found.record.epoch > expectedEpoch || !local))
    return { kind: 'conflict', record: found.record };
  if (found.kind === 'unknown' && !local) return { kind: 'ended' };
  return moveAgainst(state, key, record);
}

function moveHere(state: DirectoryState, key: string, record: SessionRecord, answer?: StoreAnswer<unknown>): Moved {
  const write: PendingWrite = { kind: 'record', record, changes: null };
  state.keepBehind(key, write, answer, (result) => result === 'ok');
  return state.settleMove(record, false);
}

/** The store knows less than this node: it was emptied, or fell back to an older copy. */
async function moveAgainst(state: DirectoryState, key: string, record: SessionRecord): Promise<Moved> {
  const { store, cache, ttlSeconds } = state;
  const answer = await state.ask(state.readLimitMs, () => store.reconcile(record, ttlSeconds(record.server)));
  if (answer.kind !== 'answered') return moveHere(state, key, record);
  if (answer.value.kind === 'written') return state.settleMove(record, true);
  const { stored } = answer.value;
  if (stored.isTombstone) {
    cache.delete(key);
    return { kind: 'ended' };
  }
  cache.set(key, stored);
  return { kind: 'conflict', record: stored };
}
