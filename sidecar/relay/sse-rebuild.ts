import type { SessionRecord } from '../../proto/session-record.ts';
import type { RecoveryResult } from '../metrics/session-metrics.ts';
import { chooseReplica } from '../recovery/choose-replica.ts';
import { judgeInitialize, movedRecord, planRecovery, type InitializeResult } from '../recovery/recovery-plan.ts';
import type { ServerView } from '../xds/topology.ts';
import type { RelayContext } from './relay-context.ts';
import { endpointId } from './sse-endpoint.ts';
import { withQuery } from './live-query.ts';
import { SseLife, type LifeListener } from './sse-life.ts';
import type { Guard } from '../replica/answer-reader.ts';

/** Replicas tried for one session. */
const MAX_REPLICAS = 3;

export type SseRebuilt =
  | { kind: 'built'; life: SseLife; record: SessionRecord }
  | { kind: 'refused'; result: RecoveryResult };

/**
 * Rebuilds an HTTP+SSE session elsewhere. Only the relay that holds its stream can, so there is no lock and no follower; the compare-and-set on the
 * epoch still guards against a DELETE. What the new replica sends before the session is whole goes to `listener` only for the endpoint.
 */
export async function rebuildSse(
  ctx: RelayContext,
  name: string,
  record: SessionRecord,
  headers: readonly string[],
  listener: LifeListener,
  guard: Guard,
  query: string,
): Promise<SseRebuilt> {
  const view = ctx.server(name);
  if (!view || view.policy.onReplicaLoss !== 'recover') return { kind: 'refused', result: 'failed' };
  const deadlineMs = ctx.now() + view.policy.timeouts.recoveryMs,
    queue = ctx.recovery.queue(name);
  const admission = await queue.enter('triggered', view.policy.recoveryConcurrency, view.policy.timeouts.recoveryMs);
  if (admission !== 'admitted') return { kind: 'refused', result: admission === 'full' ? 'queue-full' : 'timeout' };
  try {
    const excluded = new Set([record.slot]);
    let last: RecoveryResult = 'no-replica';
    for (let tried = 0; tried < MAX_REPLICAS && ctx.now() < deadlineMs; tried++) {
      const counts = ctx.directory.counts(name),
        endpoints = (ctx.server(name) ?? view).endpoints;
      const replica = chooseReplica({
        endpoints,
        backend: record.backend,
        excluded,
        random: Math.random,
        load: (slot) => counts.get(slot) ?? 0,
      });
      if (!replica) break;
      excluded.add(replica.slot);
      const life = new SseLife(ctx, withQuery(view, query), replica, headers, listener, guard),
        verdict = await replay(view, life, record, Math.max(1, deadlineMs - ctx.now()));
      if (verdict === 'same') {
        const moved = await ctx.directory.move(
          movedRecord(
            record,
            { slot: replica.slot, backend: replica.backend, upstreamId: endpointId(life.endpoint!) },
            ctx.now(),
          ),
          record.epoch,
        );
        if (moved.kind === 'moved') return { kind: 'built', life, record: moved.record };
        life.close();
        return { kind: 'refused', result: moved.kind === 'ended' ? 'unknown' : 'conflict' };
      }
      life.close();
      last = verdict;
    }
    return { kind: 'refused', result: ctx.now() < deadlineMs ? last : 'timeout' };
  } finally {
    queue.leave(view.policy.recoveryConcurrency);
  }
}

async function replay(
  view: ServerView,
  life: SseLife,
  record: SessionRecord,
  timeoutMs: number,
): Promise<'same' | 'capability' | 'no-replica' | 'failed'> {
  const timer = setTimeout(() => life.close(), Math.min(timeoutMs, view.policy.timeouts.initializeMs));
  try {
    if ((await life.named) === null) return 'no-replica';
    if (record.initializeParams === null) return 'same'; // its client never got to initialize
    for (const step of planRecovery(record)) {
      const answer = await life.ask(step.message, timeoutMs);
      if (step.mustSucceed && (!answer || (step.hasAnswer && answer.result === undefined))) return 'failed';
      if (
        step.kind === 'initialize' &&
        record.protocolVersion !== '' &&
        judgeInitialize(record, (answer?.result ?? {}) as InitializeResult).kind === 'differs'
      )
        return 'capability';
    }
    return 'same';
  } finally {
    clearTimeout(timer);
  }
}
