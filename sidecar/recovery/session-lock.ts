import type { SessionRecord } from '../../proto/session-record.ts';
import type { SessionDirectory } from '../session/session-directory.ts';
import type { LockToken } from '../session/session-store.ts';
import { isElsewhere } from './is-elsewhere.ts';
import type { Recovered } from './recovery-request.ts';
import type { runAfter } from './run-after.ts';

/** How long the lock of a recovery outlives a gateway that died with it. Epochs fence what outlives the lock. */
const LOCK_MS = 2000;
/** How often a session is looked at that another node is recovering, should its message not come. */
const FOLLOW_MS = 100;

type Directory = Pick<SessionDirectory, 'find' | 'lock' | 'on'>;
/** `settled`: there is nothing to recover any more. */
type Seen = { kind: 'still-there'; record: SessionRecord } | { kind: 'settled'; result: Recovered };

/** Is the session still where it was lost? Only under the lock must the store itself say so. */
export async function lookAtLost(directory: Directory, lost: SessionRecord, isFresh: boolean): Promise<Seen> {
  const found = await directory.find(lost.server, lost.digest, { isFresh });
  if (found.kind === 'live')
    return isElsewhere(lost, found.record)
      ? { kind: 'settled', result: { kind: 'recovered', record: found.record, isFollowed: true } }
      : { kind: 'still-there', record: found.record };
  const reason = found.kind === 'unsure' ? 'unsure' : 'unknown';
  return { kind: 'settled', result: { kind: 'refused', reason } };
}

/** Takes the lock of a lost session, or follows whoever has it. */
export async function lockLost(
  directory: Directory,
  lost: SessionRecord,
  { now, after, untilMs }: { now: () => number; after: typeof runAfter; untilMs: number },
): Promise<{ token: LockToken } | { result: Recovered }> {
  for (;;) {
    const token = await directory.lock(lost.server, lost.digest, LOCK_MS);
    if (token !== null) return { token };
    const leftMs = untilMs - now();
    if (leftMs <= 0) return { result: { kind: 'refused', reason: 'timeout' } };
    await hearOfMove(directory, lost, (run) => after(Math.min(leftMs, FOLLOW_MS), run));
    const seen = await lookAtLost(directory, lost, true);
    if (seen.kind === 'settled') return { result: seen.result };
  }
}

function hearOfMove(directory: Directory, lost: SessionRecord, later: (run: () => void) => () => void): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      stop();
      resolve();
    };
    const cancel = later(done);
    const stop = directory.on('moved', ({ server, digest }) => {
      if (server === lost.server && digest === lost.digest) done();
    });
  });
}
