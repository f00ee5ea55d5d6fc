import { formatSessionId } from '../../proto/session-id.ts';
import { sessionDigest, type SessionRecord } from '../../proto/session-record.ts';

/**
 * The digest of the id that would lead to a bound session without asking for its principal: its slot and the replica's own id. A store keeps a tombstone
 * there. Null for a session without a principal, whose own id that is.
 */
export function unboundDigest({
  principal,
  slot,
  upstreamId,
  digest,
}: Pick<SessionRecord, 'principal' | 'slot' | 'upstreamId' | 'digest'>): string | null {
  if (principal === null) return null;
  const unbound = sessionDigest(formatSessionId({ slot, isBound: false, upstreamId }));
  return unbound === digest ? null : unbound;
}
