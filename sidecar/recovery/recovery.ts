import { detach } from '../../proto/detach.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import type { SessionDirectory } from '../session/session-directory.ts';
import type { RecoveryReason } from '../../proto/recovery-reason.ts';
import { steadyNow } from '../../proto/steady-clock.ts';
import { ArrivingSessions } from './arriving-sessions.ts';
import { lockLost, lookAtLost } from './session-lock.ts';
import { AdmissionQueue } from './admission-queue.ts';
import { chooseReplica } from './choose-replica.ts';
import { firstToBuild } from './first-to-build.ts';
import { QuietReplicas } from './quiet-replicas.ts';
import { RebuildPace } from './rebuild-pace.ts';
import { resultLabel } from './result-label.ts';
import { HttpRebuilder } from './rebuild-http.ts';
import type { Rebuilder } from './rebuilder.ts';
import { keptMoves } from './kept-moves.ts';
import { movedRecord } from './recovery-plan.ts';
import { runAfter } from './run-after.ts';
import type { ReplicaClient } from '../replica/client.ts';
import type { Identities } from '../principal/identities.ts';
import type { LiveRequest, Recovered, RecoveryRequest, ServerView } from './recovery-request.ts';
import { RecoveryStory } from '../tracing/recovery-story.ts';
import { isForeign, refusalOfStranger } from './refusal-of-stranger.ts';
import type { RecoveryMetrics } from './recovery-metrics.ts';
import type { RefusalReason } from './refusal-reason.ts';

export interface RecoveryOptions {
  server: (name: string) => ServerView | undefined;
  directory: SessionDirectory;
  identities: Pick<Identities, 'mayRebuild'>;
  upstream: Pick<ReplicaClient, 'send'>;
  metrics: RecoveryMetrics;
  /** SESSION_FAILOVER_ENABLED. */
  isFailoverEnabled?: boolean;
  now?: () => number;
  random?: () => number;
  after?: typeof runAfter;
}

/** A replica that forgot the session (restarted empty) may have it again; one that was lost, hangs or drains may not. */
const MAY_STAY: ReadonlySet<RecoveryReason> = new Set(['unknown-session', 'uninitialized', 'stream-held']);

/** A recovery under way; `startedMs`: when the loss was noticed. */
type Begun = RecoveryRequest & { startedMs: number };

/** Rebuilds lost sessions: one recovery per session at a time in this process, one that counts in the fleet. */
export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #after: NonNullable<RecoveryOptions['after']>;
  readonly #running = new Map<string, { end: Promise<Recovered>; steps: RecoveryStory }>();
  readonly #queues = new Map<string, AdmissionQueue>();
  readonly #arriving = new ArrivingSessions();
  readonly #quiet = new QuietReplicas();
  readonly #pace = new RebuildPace();
  readonly #stop: () => void;

  constructor(options: RecoveryOptions) {
    this.#options = options;
    this.#now = options.now ?? steadyNow;
    this.#random = options.random ?? Math.random;
    this.#after = options.after ?? runAfter;
    this.#stop = options.directory.on('superseded', ({ loser }) => {
      // A session of HTTP+SSE ends with its stream.
      if (loser.type !== 'sse') this.#abandon(this.#rebuilderFor(loser.server, { headers: [] }), loser);
    });
  }

  get inFlight(): number {
    return this.#running.size;
  }

  /** The recovery of a session that is under way in this process. */
  running(server: string, digest: string): Promise<Recovered> | undefined {
    return this.#running.size === 0 ? undefined : this.#running.get(`${server}/${digest}`)?.end;
  }

  /** Brings a session back, for whom it belongs to. Never rejects; requests of one session share one recovery, which a stranger's never begins. */
  recover(request: RecoveryRequest): Promise<Recovered> {
    const known = this.#options.server(request.record.server)?.policy,
      policy = known && asked(known, request);
    if (!policy || this.#options.identities.mayRebuild(request.record, request.headers, policy))
      return this.#share(request);
    return refusalOfStranger(this.#options, request, policy).then((why) => (why ? refused(why) : this.#share(request)));
  }

  #share(request: RecoveryRequest): Promise<Recovered> {
    const key = `${request.record.server}/${request.record.digest}`;
    const running = this.#running.get(key);
    // Whoever began it may have shown credentials that were replaced meanwhile: that says nothing of this request's.
    if (running)
      return running.end.then((end) => {
        if (isForeign(end)) return this.recover(request);
        running.steps.tellTo(request.trace ?? null);
        return end;
      });
    const startedMs = this.#now();
    const steps = new RecoveryStory(request.trace ?? null);
    const end = this.#recover({ ...request, trace: steps, startedMs })
      .catch((): Recovered => ({ kind: 'refused', reason: 'failed' }))
      .then((result) => {
        this.#running.delete(key);
        this.#options.metrics.recovery(
          request.record.server,
          request.reason,
          resultLabel(result),
          this.#now() - startedMs,
        );
        return result;
      });
    this.#running.set(key, { end, steps });
    return end;
  }

  close(): void {
    this.#stop();
  }

  async #recover(request: Begun): Promise<Recovered> {
    const { startedMs } = request;
    const { server, digest } = request.record;
    const policy = this.#options.server(server)?.policy;
    if (!policy) return refused('no-replica');
    if (policy.onReplicaLoss !== 'recover' || this.#options.isFailoverEnabled === false) return refused('policy');
    const untilMs = request.deadlineMs ?? startedMs + policy.timeouts.recoveryMs;
    const waitMs = this.#pace.waitMs(`${server}/${digest}`, request.reason, startedMs);
    if (waitMs > 0) await new Promise<void>((resolve) => this.#after(waitMs, resolve));
    const ahead = await lookAtLost(this.#options.directory, request.record, false);
    if (ahead.kind === 'settled') return ahead.result;
    const queue = this.#queue(server);
    const { urgency = 'triggered' } = request;
    const askedMs = this.#now();
    const admission = await queue.enter(urgency, policy.recoveryConcurrency, untilMs - askedMs);
    request.trace?.waited('recovery queue', askedMs, this.#now());
    if (admission !== 'admitted') return refused(admission === 'full' ? 'queue-full' : 'timeout');
    try {
      return await this.#underLock(request, policy, untilMs);
    } finally {
      queue.leave(policy.recoveryConcurrency);
    }
  }

  async #underLock(request: Begun, policy: ServerPolicy, untilMs: number): Promise<Recovered> {
    const { directory, identities } = this.#options;
    const { record, headers } = request;
    const locked = await lockLost(directory, record, { now: this.#now, after: this.#after, untilMs });
    if ('result' in locked) return locked.result;
    try {
      // The winner may have moved it between the look and the lock.
      const seen = await lookAtLost(directory, record, true);
      if (seen.kind === 'settled') return seen.result;
      if (!identities.mayRebuild(seen.record, headers, asked(policy, request))) return refused('foreign');
      return await this.#move({ ...request, record: seen.record }, untilMs);
    } finally {
      detach(directory.unlock(record.server, record.digest, locked.token), () => undefined); // It ends by itself.
    }
  }

  async #move(request: Begun, untilMs: number): Promise<Recovered> {
    const { record, reason } = request;
    const rebuilder = request.rebuilder ?? this.#rebuilderFor(record.server, request);
    if (!rebuilder) return refused('no-replica');
    const excluded = new Set(MAY_STAY.has(reason) ? [] : [record.slot]);
    const next = (): ReplicaEndpoint | null => {
      const replica = this.#choose(record, excluded);
      if (replica) excluded.add(replica.slot);
      return replica;
    };
    const ended = await firstToBuild({
      next,
      rebuild: async (replica, leftMs) => {
        const rebuilt = await this.#arriving.during(replica, () => rebuilder.rebuild(replica, record, leftMs));
        if (rebuilt.kind !== 'try-another' || rebuilt.why !== 'timeout') this.#quiet.heard(replica);
        return rebuilt;
      },
      abandon: (replica, upstreamId) => rebuilder.abandon(replica, upstreamId, record),
      quiet: (replica) => this.#quiet.quiet(replica, this.#now()),
      ...{ untilMs, now: this.#now, after: this.#after },
    });
    if (ended.kind === 'nobody') return refused(ended.reason);
    if (ended.kind === 'refused') return { kind: 'refused', reason: 'unauthorized', answer: ended.answer };
    return this.#settle(request, rebuilder, ended.replica, ended.upstreamId);
  }

  /** Writes the move down, if nobody was faster; whoever loses deletes what it built. */
  async #settle(
    { record, reason, startedMs }: Begun,
    rebuilder: Rebuilder,
    replica: ReplicaEndpoint,
    upstreamId: string,
  ): Promise<Recovered> {
    const to = { slot: replica.slot, backend: replica.backend, upstreamId };
    const { directory, metrics, server } = this.#options;
    const view = server(record.server);
    const nowMs = this.#now();
    const { moves, dropped } = keptMoves(
      record.moves,
      {
        atMs: nowMs,
        reason,
        tookMs: nowMs - startedMs,
        fromSlot: record.slot,
        from: view?.bySlot(record.slot)?.replica ?? null,
        toSlot: replica.slot,
        to: replica.replica,
      },
      view?.policy.limits.keptMoves ?? 0,
    );
    const moved = await directory.move(movedRecord(record, to, nowMs, moves), record.epoch);
    if (moved.kind === 'moved') {
      if (dropped > 0) metrics.movesDropped(record.server, dropped);
      this.#pace.rebuilt(`${record.server}/${record.digest}`, this.#now());
      if (reason !== 'unreachable' && reason !== 'unknown-session') this.#abandon(rebuilder, record);
      return { kind: 'recovered', record: moved.record, isFollowed: false };
    }
    rebuilder.abandon(replica, upstreamId, record);
    if (moved.kind === 'conflict') return { kind: 'recovered', record: moved.record, isFollowed: true };
    return refused(moved.kind === 'ended' ? 'unknown' : 'conflict');
  }

  /** Ends what a record says of an upstream session that is none any more; a replica that is gone is not asked. */
  #abandon(rebuilder: Rebuilder | null, record: SessionRecord): void {
    const replica = this.#options.server(record.server)?.bySlot(record.slot);
    if (replica) rebuilder?.abandon(replica, record.upstreamId, record);
  }

  #rebuilderFor(server: string, live: LiveRequest): Rebuilder | null {
    const policy = this.#options.server(server)?.policy;
    return policy ? new HttpRebuilder(this.#options.upstream, policy, live, this.#now) : null;
  }

  #choose({ server, backend }: SessionRecord, excluded: ReadonlySet<string>): ReplicaEndpoint | null {
    const counts = this.#options.directory.counts(server);
    const endpoints = this.#options.server(server)?.endpoints ?? [];
    const nowMs = this.#now();
    const load = (slot: string): number =>
      (counts.get(slot) ?? 0) + this.#arriving.of(server, slot) + this.#quiet.load(server, slot, nowMs);
    return chooseReplica({ endpoints, backend, excluded, random: this.#random, load });
  }

  /** Where recoveries of a server wait their turn, whatever their transport: `recoveryConcurrency` counts all of them. */
  #queue(server: string): AdmissionQueue {
    const known = this.#queues.get(server);
    if (known) return known;
    const { metrics } = this.#options;
    const queue = new AdmissionQueue((waiting, running) => metrics.recoveryQueue(server, waiting, running));
    this.#queues.set(server, queue);
    return queue;
  }
}

/** The policy as the request sees it: its path with the live query. */
const asked = (policy: ServerPolicy, { query = '' }: LiveRequest): ServerPolicy => ({
  ...policy,
  path: policy.path + query,
});

const refused = (reason: RefusalReason): Recovered => ({ kind: 'refused', reason });
