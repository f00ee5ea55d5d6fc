import type { SessionRecord } from '../../proto/session-record.ts';

type UpstreamSession = Pick<SessionRecord, 'epoch' | 'slot' | 'upstreamId'>;

/** Whether a session lives elsewhere than where it was lost. After a partition another gateway's upstream session may have won with the very same epoch. */
export const isElsewhere = (lost: UpstreamSession, now: UpstreamSession): boolean =>
  now.epoch > lost.epoch ||
  (now.epoch === lost.epoch && (now.slot !== lost.slot || now.upstreamId !== lost.upstreamId));
