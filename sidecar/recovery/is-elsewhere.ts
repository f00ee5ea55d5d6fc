import type { SessionRecord } from '../../proto/session-record.ts';

type Life = Pick<SessionRecord, 'epoch' | 'slot' | 'upstreamId'>;

/** Whether a session lives elsewhere than where it was lost. After a partition somebody else's life may have won with the very same epoch. */
export const isElsewhere = (lost: Life, now: Life): boolean =>
  now.epoch > lost.epoch ||
  (now.epoch === lost.epoch && (now.slot !== lost.slot || now.upstreamId !== lost.upstreamId));
