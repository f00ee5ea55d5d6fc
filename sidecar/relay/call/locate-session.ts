import type { ReplicaEndpoint } from '../../../proto/endpoint.ts';
import type { SessionRecord } from '../../../proto/session-record.ts';
import { parseSessionId } from '../../../proto/session-id.ts';
import type { Shown } from '../../principal/identities.ts';
import type { ServerView } from '../../xds/topology.ts';
import type { RelayContext } from '../relay-context.ts';

/** Where a session's request goes. `record` is null while nobody needed it. */
export interface SessionLocation {
  replica: ReplicaEndpoint;
  upstreamId: string;
  record: SessionRecord | null;
}
export type Located =
  | { kind: 'at'; location: SessionLocation }
  /** Its replica can't be asked any more, or should not be: to be recovered first. `fallback`: where it may be sent if that fails. */
  | {
      kind: 'move';
      record: SessionRecord;
      reason: 'unreachable' | 'unhealthy' | 'drain';
      fallback: SessionLocation | null;
    }
  /** Unknown, ended, foreign: all the same to the client. */
  | { kind: 'unknown' }
  /** The store can't be asked, and nobody here knows it. */
  | { kind: 'unsure' };

/** Without waiting, when its record is cached. Null: it must be read first, because only the record says whose session it is. */
export function locateAtOnce(
  ctx: RelayContext,
  view: ServerView,
  clientId: string,
  digest: string,
  shown: Shown,
): Located | null {
  if (!parseSessionId(clientId)) return { kind: 'unknown' };
  const record = ctx.directory.peek(view.policy.name, digest);
  return record ? place(ctx, view, record, shown) : null;
}

/** The same with the record, from the store if need be. */
export async function locateByRecord(
  ctx: RelayContext,
  view: ServerView,
  clientId: string,
  digest: string,
  shown: Shown,
): Promise<Located> {
  const id = parseSessionId(clientId);
  // Where Envoy verifies tokens every session has a principal.
  if (!id || (view.policy.jwt && !id.isBound)) return { kind: 'unknown' };
  const found = await ctx.directory.find(view.policy.name, digest);
  if (found.kind === 'live') return place(ctx, view, found.record, shown);
  if (found.kind === 'ended') return { kind: 'unknown' };
  // Without a record the session can't be rebuilt, but it may well be alive where its id says.
  const replica = id.isBound ? undefined : view.bySlot(id.slot);
  if (replica && replica.state !== 'lost')
    return { kind: 'at', location: { replica, upstreamId: id.upstreamId, record: null } };
  return { kind: found.kind };
}

/** Without waiting where that is possible. */
export const locateSession = (...wanted: Parameters<typeof locateAtOnce>): Located | Promise<Located> =>
  locateAtOnce(...wanted) ?? locateByRecord(...wanted);

function place(ctx: RelayContext, view: ServerView, record: SessionRecord, shown: Shown): Located {
  if (record.isTombstone || !ctx.identities.owns(record, shown, view.policy)) return { kind: 'unknown' };
  const replica = view.bySlot(record.slot);
  if (!replica || replica.state === 'lost') return { kind: 'move', record, reason: 'unreachable', fallback: null };
  const location = { replica, upstreamId: record.upstreamId, record };
  if (replica.state === 'unhealthy') return { kind: 'move', record, reason: 'unhealthy', fallback: location };
  if (replica.state === 'draining') return { kind: 'move', record, reason: 'drain', fallback: location };
  return { kind: 'at', location };
}
