import { principalOf } from '../routing/principal.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import { parseSessionId } from '../../proto/session-id.ts';
import type { ServerView } from '../xds/topology.ts';
import type { RelayContext } from './relay-context.ts';

/** Where a session's request goes. `record` is null while nobody needed it. */
export interface Lodging {
  replica: ReplicaEndpoint;
  upstreamId: string;
  record: SessionRecord | null;
}
export type Located =
  | { kind: 'at'; lodging: Lodging }
  /** Its replica can't be asked any more, or should not be: to be recovered first. `stay`: where it may be sent if that fails. */
  | { kind: 'move'; record: SessionRecord; reason: 'unreachable' | 'unhealthy' | 'drain'; stay: Lodging | null }
  /** Unknown, ended, foreign: all the same to the client. */
  | { kind: 'unknown' }
  /** The store can't be asked, and nobody here knows it. */
  | { kind: 'unsure' };

/** Without waiting, when that is possible: the cached record, else the slot that the id itself names. */
export function locateAtOnce(
  ctx: RelayContext,
  view: ServerView,
  clientId: string,
  digest: string,
  authorization: string | undefined,
): Located | null {
  const id = parseSessionId(clientId);
  if (!id) return { kind: 'unknown' };
  const record = ctx.directory.peek(view.policy.name, digest);
  if (record) return place(view, record, authorization);
  if (id.isBound) return null;
  const replica = view.bySlot(id.slot);
  // A draining or sick replica's session may be moved, and for that the record must be read.
  if (!replica || (replica.state !== 'active' && replica.state !== 'standby')) return null;
  ctx.directory.readAhead(view.policy.name, digest);
  return { kind: 'at', lodging: { replica, upstreamId: id.upstreamId, record: null } };
}

/** The same with the record, from the store if need be. */
export async function locateByRecord(
  ctx: RelayContext,
  view: ServerView,
  clientId: string,
  digest: string,
  authorization: string | undefined,
): Promise<Located> {
  const found = await ctx.directory.find(view.policy.name, digest);
  if (found.kind === 'live') return place(view, found.record, authorization);
  if (found.kind === 'ended') return { kind: 'unknown' };
  // Without a record the session can't be rebuilt, but it may well be alive where its id says.
  const id = parseSessionId(clientId),
    replica = id && !id.isBound ? view.bySlot(id.slot) : undefined;
  if (id && replica && replica.state !== 'lost')
    return { kind: 'at', lodging: { replica, upstreamId: id.upstreamId, record: null } };
  return { kind: found.kind };
}

function place(view: ServerView, record: SessionRecord, authorization: string | undefined): Located {
  if (record.isTombstone) return { kind: 'unknown' };
  if (record.principal !== null && principalOf(authorization, view.policy.bind) !== record.principal)
    return { kind: 'unknown' };
  const replica = view.bySlot(record.slot);
  if (!replica || replica.state === 'lost') return { kind: 'move', record, reason: 'unreachable', stay: null };
  const lodging = { replica, upstreamId: record.upstreamId, record };
  if (replica.state === 'unhealthy') return { kind: 'move', record, reason: 'unhealthy', stay: lodging };
  if (replica.state === 'draining') return { kind: 'move', record, reason: 'drain', stay: lodging };
  return { kind: 'at', lodging };
}
