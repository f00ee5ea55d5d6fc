import type { SessionRecord } from '../../../proto/session-record.ts';
import type { RecoveryReason } from '../../../proto/recovery-reason.ts';
import type { Urgency } from '../../recovery/admission-queue.ts';
import type { Rebuilder } from '../../recovery/rebuilder.ts';
import type { Recovered } from '../../recovery/recovery-request.ts';
import type { RecoveryTrace } from '../../tracing/recovery-trace.ts';
import type { SessionLocation } from './locate-session.ts';
import type { RelayContext } from '../relay-context.ts';

export interface LostSession {
  server: string;
  digest: string;
  /** Where it was lost. */
  target: SessionLocation;
  reason: RecoveryReason;
  /** Of the live request; never stored. */
  headers: readonly string[];
  /** Of the live request, with its `?`; never stored. */
  query: string;
  urgency: Urgency;
  /** How it is rebuilt; as a session of streamable HTTP when left out. */
  rebuilder?: Rebuilder;
  trace?: RecoveryTrace | null;
}

/** Tells the control plane what was seen of the replica, and has the session rebuilt, unless it moved meanwhile. Never rejects. */
export async function bringBack(
  { report, directory, recovery }: Pick<RelayContext, 'report' | 'directory' | 'recovery'>,
  { server, digest, target, ...lost }: LostSession,
): Promise<Recovered> {
  const { reason } = lost;
  if (reason === 'unreachable' || reason === 'unknown-session' || reason === 'hanging')
    report({ server, slot: target.replica.slot, kind: reason });
  let { record } = target;
  if (!record) {
    const found = await directory.find(server, digest);
    if (found.kind !== 'live') return { kind: 'refused', reason: found.kind === 'unsure' ? 'unsure' : 'unknown' };
    record = found.record;
    // It moved while its slot was still steady.
    if (record.slot !== target.replica.slot || record.upstreamId !== target.upstreamId)
      return { kind: 'recovered', record, isFollowed: true };
  }
  return recovery.recover({ record, ...lost });
}

/** Where a session was whose slot is gone. */
export const goneLocation = (record: SessionRecord): SessionLocation => ({
  replica: {
    server: record.server,
    backend: record.backend,
    slot: record.slot,
    replica: '',
    address: '',
    state: 'lost',
    isSteady: false,
    weight: 0,
  },
  upstreamId: record.upstreamId,
  record,
});
