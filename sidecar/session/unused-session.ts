import type { SessionRecord } from '../../proto/session-record.ts';

type Used = Pick<SessionRecord, 'lastActivityMs' | 'createdAtMs'>;

/** No request came after the one that began it. */
export const isUnused = ({ lastActivityMs, createdAtMs }: Used): boolean => lastActivityMs === createdAtMs;

/** Seconds that a new session lives, unless it is used: where nobody owns it, shorter than others, so that beginning sessions fills nothing. */
export const firstLifeSeconds = (
  { principal, type }: Pick<SessionRecord, 'principal' | 'type'>,
  ttlSeconds: number,
  unusedSeconds: number,
): number =>
  // A session of HTTP+SSE costs its client a connection for as long as it lives.
  principal === null && type === 'http' && unusedSeconds > 0 ? Math.min(ttlSeconds, unusedSeconds) : ttlSeconds;
