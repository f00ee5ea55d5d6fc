import type { ServerPolicy } from '../../proto/server-policy.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import type { Identities } from '../principal/identities.ts';
import type { SessionDirectory } from '../session/session-directory.ts';

/**
 * Why a session must not be rebuilt with these headers, which this copy of its record says; null: it may all the same. The copy may be older than the
 * credentials that the replica accepted last, so before anybody is refused the store is asked.
 */
export async function refusalOfStranger(
  { directory, identities }: { directory: Pick<SessionDirectory, 'find'>; identities: Pick<Identities, 'mayRebuild'> },
  { record, headers }: { record: SessionRecord; headers: readonly string[] },
  policy: ServerPolicy,
): Promise<'foreign' | 'unsure' | null> {
  const found = await directory.find(record.server, record.digest, { isFresh: true });
  if (found.kind === 'unsure') return 'unsure';
  return found.kind === 'live' && identities.mayRebuild(found.record, headers, policy) ? null : 'foreign';
}

/** Whether a recovery was refused because of who asked for it. */
export const isForeign = (end: { kind: string; reason?: string }): boolean =>
  end.kind === 'refused' && end.reason === 'foreign';
