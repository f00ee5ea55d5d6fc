import { touchIntervalMs } from '../session/touch-interval.ts';
import type { ServerView } from '../xds/topology.ts';

/** How often activity is noted where a replica is drained: more than twice in the time that makes a session idle (relay/housekeeping). */
const TOUCH_DRAINED_MS = 1000;

/** How often the activity of a session on this slot is noted. */
export function touchEveryMs(slot: string | null, { bySlot, policy }: Pick<ServerView, 'bySlot' | 'policy'>): number {
  const everyMs = touchIntervalMs(policy.sessionTtlSeconds);
  return slot !== null && bySlot(slot)?.state === 'draining' ? Math.min(everyMs, TOUCH_DRAINED_MS) : everyMs;
}
