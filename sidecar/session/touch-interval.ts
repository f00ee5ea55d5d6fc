/** At most. */
const INTERVAL_MS = 5000;

/** How often a session's activity is noted, in ms: a few seconds are nothing in an hour, and a short life is never missed by them. */
export const touchIntervalMs = (ttlSeconds: number): number => Math.min(INTERVAL_MS, ttlSeconds * 250);
