import { expiryOfClaims } from '../../principal/claims.ts';
import type { Shown } from '../../principal/identities.ts';
import type { ServerView } from '../../xds/topology.ts';
import type { ClientAnswer } from './client-answer.ts';

const LOOK_MS = 1000;

/** When the token ends with which a request came, in ms since the epoch; null where nobody verified one, or it never ends. */
export const expiryOf = ({ claims }: Shown, { policy }: Pick<ServerView, 'policy'>): number | null =>
  policy.jwt && claims ? expiryOfClaims(claims) : null;

/**
 * Ends held streams whose token is over: the client comes back with another one, or is told by 401 to get one. A call that waits for its answer was
 * begun in time and is left to end by itself. Returns what stops it.
 */
export function endExpiredStreams(open: ReadonlySet<ClientAnswer>, now: () => number, lookMs = LOOK_MS): () => void {
  const timer = setInterval(() => {
    const nowMs = now();
    for (const answer of [...open])
      if (answer.endsAtMs !== null && answer.endsAtMs <= nowMs && !answer.giveUp) answer.expire();
  }, lookMs).unref();
  return () => clearInterval(timer);
}
