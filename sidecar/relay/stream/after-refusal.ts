/**
 * What becomes of a GET stream that a replica refused. `none-here`: the server has no such streams. `probe`: the session is unknown, or the server
 * has no GET at this path. `from-now`: without the event that the replica does not know.
 */
export type AfterRefusal = 'none-here' | 'probe' | 'from-now' | 'wait' | 'pass';

/** `isFresh`: the client has heard nothing yet. `hasEventId`: the replica was asked to go on after an event. */
export function afterRefusal(
  status: number,
  { isFresh, hasEventId }: { isFresh: boolean; hasEventId: boolean },
): AfterRefusal {
  if (status === 405 || status === 501) return 'none-here';
  if (status === 404) return 'probe';
  if (status === 400 && hasEventId) return 'from-now';
  // 409: the replica has not noticed yet that the stream before this one is gone.
  if (!isFresh && (status === 409 || status >= 500)) return 'wait';
  return 'pass';
}
