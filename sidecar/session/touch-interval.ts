import type { SessionRecord } from '../../proto/session-record.ts';
import { isUnused } from './unused-session.ts';

/** At most. */
const INTERVAL_MS = 5000;

/**
 * How often a session's activity is noted, in ms. A few seconds do not matter in an hour, and short lifetimes get an interval short enough.
 */
export const touchIntervalMs = (ttlSeconds: number): number => Math.min(INTERVAL_MS, ttlSeconds * 250);

/** Whether activity now is to be noted; the first use always is, because an unused session has a shorter life. `record`: null when what is known of the session is not known here. */
export const isTouchDue = (
  record: Readonly<Pick<SessionRecord, 'lastActivityMs' | 'createdAtMs'>> | null,
  nowMs: number,
  intervalMs: number,
): boolean => record === null || isUnused(record) || nowMs - record.lastActivityMs >= intervalMs;
