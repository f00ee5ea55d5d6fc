import { detach } from '../../proto/detach.ts';
import type { ReplicaEndpoint } from '../../proto/endpoint.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import type { SessionRecord } from '../../proto/session-record.ts';
import type { RecoveryReason } from '../metrics/session-metrics.ts';
import type { SessionDirectory } from '../session/session-directory.ts';
import type { LockToken } from '../session/session-store.ts';
import { AdmissionQueue } from './admission-queue.ts';
import { chooseReplica } from './choose-replica.ts';
import { RebuildPace } from './rebuild-pace.ts';
import { resultLabel } from './result-label.ts';
import { rebuildSession } from './rebuild-session.ts';
import { movedRecord } from './recovery-plan.ts';
import { runAfter } from './run-after.ts';
import { abandonSession, upstreamSession } from '../replica/session-messages.ts';
import type { ReplicaClient } from '../replica/client.ts';
import type { Identities } from '../principal/identities.ts';
import type { LiveRequest, Recovered, RecoveryRequest, ServerView } from './recovery-request.ts';
import { isElsewhere } from './is-elsewhere.ts';
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

/** Replicas tried for one session. */
const MAX_REPLICAS = 3;
/** How long the lock of a recovery outlives a gateway that died with it. Epochs fence what outlives the lock. */
const LOCK_MS = 2000;
/** How often a session is looked at that another node is recovering, should its message not come. */
const FOLLOW_MS = 100;

/** Rebuilds lost sessions: one recovery per session at a time in this process, one that counts in the fleet. */
export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #after: NonNullable<RecoveryOptions['after']>;
  readonly #running = new Map<string, Promise<Recovered>>();
  readonly #queues = new Map<string, AdmissionQueue>();
  /** Sessions on their way to a slot, by `server/slot`: not yet in the directory's counts. */
  readonly #arriving = new Map<string, number>();
  readonly #pace = new RebuildPace();
  readonly #stop: () => void;

  constructor(options: RecoveryOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#random = options.random ?? Math.random;
    this.#after = options.after ?? runAfter;
    this.#stop = options.directory.on('superseded', ({ loser }) => this.#discard(loser, { headers: [] }));
  }

  get inFlight(): number {
    return this.#running.size;
  }

  /** The recovery of a session that is under way in this process. */
  running(server: string, digest: string): Promise<Recovered> | undefined {
    return this.#running.size === 0 ? undefined : this.#running.get(`${server}/${digest}`);
  }

  /** Brings a session back, for whom it belongs to. Never rejects; requests of one session share one recovery, which a stranger's never begins. */
  recover(request: RecoveryRequest): Promise<Recovered> {
    const policy = this.#options.server(request.record.server)?.policy;
    if (!policy || this.#options.identities.mayRebuild(request.record, request.headers, policy))
      return this.#share(request);
    return refusalOfStranger(this.#options, request, policy).then((why) => (why ? refused(why) : this.#share(request)));
  }

  #share(request: RecoveryRequest): Promise<Recovered> {
    const running = this.running(request.record.server, request.record.digest),
      key = `${request.record.server}/${request.record.digest}`;
    // Whoever began it may have shown credentials that were replaced meanwhile: that says nothing of this request's.
    if (running) return running.then((end) => (isForeign(end) ? this.recover(request) : end));
    const startedMs = this.#now();
    const recovery = this.#recover(request, startedMs)
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
    this.#running.set(key, recovery);
    return recovery;
  }

  /** Deletes an abandoned session at its replica, best effort: a dead replica is not asked twice. */
  #discard({ server, slot, upstreamId, protocolVersion }: SessionRecord, { headers, query = '' }: LiveRequest): void {
    const view = this.#options.server(server);
    const replica = view?.bySlot(slot);
    if (!view || !replica || replica.state === 'lost') return;
    const policy = { ...view.policy, path: view.policy.path + query };
    const at = { replica, upstreamId, record: { protocolVersion } };
    abandonSession(this.#options.upstream, upstreamSession(policy, at, headers));
  }

  close(): void {
    this.#stop();
  }

  async #recover(request: RecoveryRequest, startedMs: number): Promise<Recovered> {
    const { server, digest } = request.record,
      policy = this.#options.server(server)?.policy;
    if (!policy) return refused('no-replica');
    if (policy.onReplicaLoss !== 'recover' || this.#options.isFailoverEnabled === false) return refused('policy');
    const deadlineMs = request.deadlineMs ?? startedMs + policy.timeouts.recoveryMs;
    const waitMs = this.#pace.waitMs(`${server}/${digest}`, request.reason, startedMs);
    if (waitMs > 0) await new Promise<void>((resolve) => this.#after(waitMs, resolve));
    const ahead = await this.#look(request.record, false);
    if (ahead.kind !== 'still-there') return ahead.result;
    const queue = this.queue(server),
      admission = await queue.enter(
        request.urgency ?? 'triggered',
        policy.recoveryConcurrency,
        deadlineMs - this.#now(),
      );
    if (admission !== 'admitted') return refused(admission === 'full' ? 'queue-full' : 'timeout');
    try {
      const locked = await this.#lock(request.record, deadlineMs);
      if ('result' in locked) return locked.result;
      try {
        // the winner may have moved it between the look and the lock
        const now = await this.#look(request.record, true);
        if (now.kind === 'still-there' && !this.#options.identities.mayRebuild(now.record, request.headers, policy))
          return refused('foreign');
        return now.kind === 'still-there'
          ? await this.#move({ ...request, record: now.record }, policy, deadlineMs)
          : now.result;
      } finally {
        detach(this.#options.directory.unlock(server, digest, locked.token), () => undefined); // it ends by itself
      }
    } finally {
      queue.leave(policy.recoveryConcurrency);
    }
  }

  /** Is the session still where it was lost? Only under the lock must the store itself say so. */
  async #look(
    lost: SessionRecord,
    isFresh: boolean,
  ): Promise<{ kind: 'still-there'; record: SessionRecord } | { kind: 'settled'; result: Recovered }> {
    const found = await this.#options.directory.find(lost.server, lost.digest, { isFresh });
    if (found.kind === 'live')
      return isElsewhere(lost, found.record)
        ? { kind: 'settled', result: { kind: 'recovered', record: found.record, isFollowed: true } }
        : { kind: 'still-there', record: found.record };
    return { kind: 'settled', result: refused(found.kind === 'unsure' ? 'unsure' : 'unknown') };
  }

  async #lock(record: SessionRecord, deadlineMs: number): Promise<{ token: LockToken } | { result: Recovered }> {
    const { server, digest } = record,
      directory = this.#options.directory;
    for (;;) {
      const token = await directory.lock(server, digest, LOCK_MS);
      if (token !== null) return { token };
      const leftMs = deadlineMs - this.#now();
      if (leftMs <= 0) return { result: refused('timeout') };
      await this.#hearOfMove(server, digest, Math.min(leftMs, FOLLOW_MS));
      const seen = await this.#look(record, true);
      if (seen.kind === 'settled') return { result: seen.result };
    }
  }

  #hearOfMove(server: string, digest: string, waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        stop();
        resolve();
      };
      const cancel = this.#after(waitMs, done),
        stop = this.#options.directory.on('moved', (moved) => {
          if (moved.server === server && moved.digest === digest) done();
        });
    });
  }

  async #move(
    { record, reason, headers, query = '' }: RecoveryRequest,
    policy: ServerPolicy,
    deadlineMs: number,
  ): Promise<Recovered> {
    // A replica that forgot the session (restarted empty) may have it again; one that was lost, hangs or drains may not.
    const excluded = new Set(reason === 'unknown-session' || reason === 'uninitialized' ? [] : [record.slot]);
    const asked = { ...policy, path: policy.path + query };
    const live = { headers, query };
    let last: RefusalReason = 'no-replica';
    for (let tried = 0; tried < MAX_REPLICAS && this.#now() < deadlineMs; tried++) {
      const replica = this.#choose(record, excluded);
      if (!replica) return refused(last);
      const rebuilt = await this.#arrive(replica, () =>
        rebuildSession(this.#options.upstream, { replica, record, policy: asked, headers, deadlineMs, now: this.#now }),
      );
      if (rebuilt.kind === 'refused') return { kind: 'refused', reason: 'unauthorized', answer: rebuilt };
      if (rebuilt.kind === 'built') return this.#settle(record, replica, rebuilt.upstreamId, live, reason);
      if (rebuilt.upstreamId !== null)
        this.#discard({ ...record, slot: replica.slot, upstreamId: rebuilt.upstreamId }, live);
      excluded.add(replica.slot);
      last = rebuilt.why === 'unreachable' ? 'no-replica' : rebuilt.why;
    }
    return refused(this.#now() < deadlineMs ? last : 'timeout');
  }

  /** Writes the move down, if nobody was faster; whoever loses deletes what it built. */
  async #settle(
    record: SessionRecord,
    replica: ReplicaEndpoint,
    upstreamId: string,
    live: LiveRequest,
    reason: RecoveryReason,
  ): Promise<Recovered> {
    const moved = await this.#options.directory.move(
      movedRecord(record, { slot: replica.slot, backend: replica.backend, upstreamId }, this.#now()),
      record.epoch,
    );
    if (moved.kind === 'moved') {
      this.#pace.rebuilt(`${record.server}/${record.digest}`, this.#now());
      if (reason !== 'unreachable' && reason !== 'unknown-session') this.#discard(record, live);
      return { kind: 'recovered', record: moved.record, isFollowed: false };
    }
    this.#discard({ ...record, slot: replica.slot, upstreamId }, live);
    if (moved.kind === 'conflict') return { kind: 'recovered', record: moved.record, isFollowed: true };
    return refused(moved.kind === 'ended' ? 'unknown' : 'conflict');
  }

  #choose(record: SessionRecord, excluded: ReadonlySet<string>): ReplicaEndpoint | null {
    const counts = this.#options.directory.counts(record.server),
      endpoints = this.#options.server(record.server)?.endpoints ?? [];
    return chooseReplica({
      endpoints,
      backend: record.backend,
      excluded,
      random: this.#random,
      load: (slot) => (counts.get(slot) ?? 0) + (this.#arriving.get(`${record.server}/${slot}`) ?? 0),
    });
  }

  async #arrive<T>(replica: ReplicaEndpoint, build: () => Promise<T>): Promise<T> {
    const key = `${replica.server}/${replica.slot}`;
    this.#arriving.set(key, (this.#arriving.get(key) ?? 0) + 1);
    try {
      return await build();
    } finally {
      const left = this.#arriving.get(key)! - 1;
      if (left > 0) this.#arriving.set(key, left);
      else this.#arriving.delete(key);
    }
  }

  /** Where recoveries of a server wait their turn, whatever their transport: `recoveryConcurrency` counts all of them. */
  queue(server: string): AdmissionQueue {
    let queue = this.#queues.get(server);
    if (!queue)
      this.#queues.set(
        server,
        (queue = new AdmissionQueue((waiting, running) =>
          this.#options.metrics.recoveryQueue(server, waiting, running),
        )),
      );
    return queue;
  }
}

const refused = (reason: RefusalReason): Recovered => ({ kind: 'refused', reason });
