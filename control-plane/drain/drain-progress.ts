import type { Drain } from './drain.ts';

/** What is left on what is being drained. */
export interface Remaining {
  /** Sessions that live there. */
  sessions: number;
  /** Calls that relays hold there; null when nobody counts them. */
  inFlight: number | null;
  /** When one of these sessions was last active; null when there is none. */
  lastActivityMs: number | null;
}

/** Gateways move idle sessions that anybody may rebuild. When for this long none of those that are left has gone, the rest needs its clients. */
export const STALLED_MS = 6000;

/** Sessions that were quiet for this long, with no call in flight, need nothing of the replica any more: their next call rebuilds them elsewhere. */
export const QUIET_MS = 3000;

export interface DrainProgress {
  isDone: boolean;
  reason: string;
}

/** How far a drain is. `isGone`: none of the replicas is healthy, so that there is nobody to wait for. `movedAtMs`: when sessions last became fewer. Pure. */
export function drainProgress(
  drain: Drain,
  remaining: Remaining,
  isGone: boolean,
  movedAtMs: number,
  now: number,
): DrainProgress {
  const { sessions, inFlight, lastActivityMs } = remaining;
  if (drain.doneAtMs !== null) return { isDone: true, reason: drain.reason };
  const left = `${sessions} session(s)${inFlight === null ? '' : `, ${inFlight} call(s) in flight`}`;
  if (now >= drain.deadlineAtMs) return { isDone: true, reason: `deadline reached with ${left}` };
  if (isGone) return { isDone: true, reason: `it is not there any more; ${left} left to be rebuilt` };
  // What gateways saw before they heard of the drain must have reached the store.
  if (now - drain.startedAtMs < QUIET_MS / 3) return { isDone: false, reason: `${left} left` };
  if (drain.target.kind === 'gateway') {
    // Its clients hear with their next answer that they should connect elsewhere; nothing tells when all have heard.
    return inFlight === 0 && now - drain.startedAtMs >= QUIET_MS
      ? { isDone: true, reason: 'no call in flight' }
      : {
          isDone: false,
          reason: inFlight === null ? 'its calls are counted by nobody' : `${inFlight} call(s) in flight left`,
        };
  }
  if (sessions === 0 && (inFlight ?? 0) === 0) return { isDone: true, reason: 'nothing is left' };
  const isQuiet =
    inFlight === 0 &&
    now - (lastActivityMs ?? 0) >= QUIET_MS &&
    now - Math.max(movedAtMs, drain.startedAtMs) >= STALLED_MS;
  return isQuiet
    ? {
        isDone: true,
        reason: `no call in flight; ${sessions} idle session(s) that only their clients can move will be rebuilt at their next call`,
      }
    : { isDone: false, reason: `${left} left` };
}
