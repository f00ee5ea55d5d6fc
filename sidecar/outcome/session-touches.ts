import { sessionDigest } from '../../proto/session-record.ts';
import type { Outcome } from '../../proto/outcome.ts';

/** Sessions whose last touch is remembered. A busier gateway touches some of them more often than it must. */
const MAX_REMEMBERED = 20_000;

export interface SessionTouchesOptions {
  /** Notes activity; the directory writes it in batches. */
  touch: (server: string, digest: string, atMs: number) => void;
  /** How often the sessions of a server are touched at most (touch-interval.ts). */
  intervalMs: (server: string) => number;
}

/**
 * Keeps sessions alive from what Envoy logged: steady requests never pass the sidecar. A request that the relay or ext_proc decided on was noted there.
 * Hashing a session id costs more than all else here, so a session that was touched a moment ago is passed over before it.
 */
export function sessionTouches({ touch, intervalMs }: SessionTouchesOptions): (outcome: Outcome) => void {
  let lastMs = new Map<string, number>();
  return ({ source, mode, server, session, startedAtMs, kind }) => {
    if (
      source !== 'envoy' ||
      mode === 'decide' ||
      session === null ||
      kind === 'lost_session' ||
      kind === 'client_fault'
    )
      return;
    const key = `${server} ${session}`;
    const last = lastMs.get(key);
    if (last !== undefined && startedAtMs - last < intervalMs(server)) return;
    if (lastMs.size >= MAX_REMEMBERED) lastMs = new Map();
    lastMs.set(key, startedAtMs);
    touch(server, sessionDigest(session), startedAtMs);
  };
}
