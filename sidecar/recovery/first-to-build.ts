import { detach } from '../../proto/detach.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { Rebuilt } from './rebuilder.ts';
import type { RefusalReason } from './refusal-reason.ts';
import type { runAfter } from './run-after.ts';

/** Replicas tried for one session. */
const MAX_REPLICAS = 3;

export interface Race {
  /** The replica to ask next; null when none is left. */
  next: () => ReplicaEndpoint | null;
  /** Never rejects, and comes to an end within `leftMs`. */
  rebuild: (replica: ReplicaEndpoint, leftMs: number) => Promise<Rebuilt>;
  /** Ends what a replica built for nothing. */
  abandon: (replica: ReplicaEndpoint, upstreamId: string) => void;
  /** Hears of a replica that had its share of the time and said nothing. */
  quiet: (replica: ReplicaEndpoint) => void;
  untilMs: number;
  now: () => number;
  after: typeof runAfter;
}

export type Ended =
  | (Exclude<Rebuilt, { kind: 'try-another' }> & { replica: ReplicaEndpoint })
  | { kind: 'nobody'; reason: RefusalReason };

interface Tried {
  replica: ReplicaEndpoint;
  rebuilt: Rebuilt;
}

/**
 * One replica after the other is asked for the session. One that hangs must not take all the time. So after its share the next is asked beside it,
 * and the first that built the session has it.
 */
export async function firstToBuild(race: Race): Promise<Ended> {
  const running = new Map<string, Promise<Tried>>();
  let reason: RefusalReason = 'no-replica';
  for (let tried = 1; ; tried++) {
    const leftMs = race.untilMs - race.now();
    const replica = tried <= MAX_REPLICAS && leftMs > 0 ? race.next() : null;
    if (replica) running.set(replica.slot, rebuildAt(replica, leftMs, race));
    if (running.size === 0) return { kind: 'nobody', reason: leftMs > 0 ? reason : 'timeout' };
    const first = await firstOf(running, replica && { replica, ms: leftMs / (MAX_REPLICAS + 1 - tried) }, race);
    if (!first) continue;
    running.delete(first.replica.slot);
    if (first.rebuilt.kind !== 'try-another') {
      for (const slower of running.values()) detach(abandonBuilt(slower, race), () => undefined);
      return { ...first.rebuilt, replica: first.replica };
    }
    reason = reasonOf(first.rebuilt);
    detach(abandonBuilt(first, race), () => undefined);
  }
}

const reasonOf = ({ why }: Extract<Rebuilt, { kind: 'try-another' }>): RefusalReason =>
  why === 'unreachable' ? 'no-replica' : why;

const rebuildAt = async (replica: ReplicaEndpoint, leftMs: number, race: Race): Promise<Tried> => ({
  replica,
  rebuilt: await race.rebuild(replica, leftMs),
});

/** Null: `newest` had its share of the time, and nobody ended in it. Without one it waits for as long as it takes. */
async function firstOf(
  running: ReadonlyMap<string, Promise<Tried>>,
  newest: { replica: ReplicaEndpoint; ms: number } | null,
  race: Race,
): Promise<Tried | null> {
  if (!newest) return await Promise.race(running.values());
  const share = Promise.withResolvers<null>();
  const stop = race.after(newest.ms, () => share.resolve(null));
  const first = await Promise.race([...running.values(), share.promise]).finally(stop);
  if (!first) race.quiet(newest.replica);
  return first;
}

/** Ends a session that was built for nothing. */
async function abandonBuilt(tried: Tried | Promise<Tried>, race: Race): Promise<void> {
  const { replica, rebuilt } = await tried;
  if (rebuilt.kind !== 'refused' && rebuilt.upstreamId !== null) race.abandon(replica, rebuilt.upstreamId);
}
