import { bugsOnly } from '../../proto/bugs-only.ts';
import { detach } from '../../proto/detach.ts';
import { randomUUID } from 'node:crypto';
import { noCounters } from '../../proto/slo-window.ts';
import { REDIS } from '../../proto/wire.ts';
import type { EventLog } from '../events/event.ts';
import type { Lease } from '../lease/lease.ts';
import type { SharedState, Versioned } from '../lease/shared-state.ts';
import type { ToolDescription } from '../probe/tool-description.ts';
import {
  advanceRollout,
  commandRollout,
  type RolloutCommand,
  type RolloutInput,
  type RolloutNews,
} from './advance-rollout.ts';
import { beginRollout } from './begin-rollout.ts';
import { contractDiff, type ContractChange } from './contract-diff.ts';
import { isOver, isRecalling, rolloutSchema, rolloutWeights, type Rollout } from './rollout.ts';
import type { SloView } from './slo-reader.ts';

/** What rollouts look at of one server. */
export interface ServerView {
  name: string;
  /** `healthy`: replicas; null before the first topology. `tools`: of any healthy replica; null while none was listed. */
  backends: ReadonlyArray<{
    name: string;
    weight: number;
    healthy: number | null;
    tools: readonly ToolDescription[] | null;
  }>;
}

export interface RolloutsOptions {
  state: SharedState;
  lease: Lease;
  events: EventLog;
  servers: () => readonly ServerView[];
  /** null while nobody counts. */
  slo: (server: string) => Promise<SloView | null>;
  /** Gateways can tell what they count: false without Redis. */
  isCounted?: boolean;
  /** Weights or recalls changed. */
  onChange: () => void;
  now?: () => number;
  tickMs?: number;
  onError?: (error: unknown) => void;
}

export type RolloutAnswer = { rollout: Rollout } | { problem: string };

/** Holds the rollouts of all servers: the leader moves them on, everyone follows the shared state. */
export class Rollouts {
  readonly #options: Required<RolloutsOptions>;
  readonly #known = new Map<string, Versioned & { value: Rollout }>();
  readonly #timer: NodeJS.Timeout;
  #ticking: Promise<void> | null = null;
  #shown = '';

  constructor(options: RolloutsOptions) {
    this.#options = { now: Date.now, tickMs: 250, isCounted: true, onError: () => {}, ...options };
    this.#timer = setInterval(() => {
      detach(this.tick(), this.#options.onError);
    }, this.#options.tickMs);
  }

  /** The last rollout of each server, running or over. */
  current(): ReadonlyMap<string, Rollout> {
    return new Map([...this.#known].map(([server, { value }]) => [server, value]));
  }

  /** Weights that stand in for the configured ones, by server and backend. A rollout that is over keeps its outcome until it is cleared or replaced. */
  weights(): ReadonlyMap<string, ReadonlyMap<string, number>> {
    const found = new Map<string, ReadonlyMap<string, number>>();
    for (const [server, rollout] of this.current()) {
      const healthy = this.#healthy(server, rollout);
      // While nobody knows, no backend is known to be sick.
      if (healthy) found.set(server, rolloutWeights(rollout, { from: healthy.from ?? 1, to: healthy.to ?? 1 }));
    }
    return found;
  }

  /** Backends whose sessions must be rebuilt elsewhere: drained after a rollback. */
  recalls(): Array<{ server: string; backend: string }> {
    return [...this.current()]
      .filter(([, rollout]) => isRecalling(rollout))
      .map(([server, { plan }]) => ({ server, backend: plan.to }));
  }

  /** `by` of this and the next two: who asked, for the events. */
  async start(plan: { server: string }, by?: string): Promise<RolloutAnswer> {
    const view = this.#view(plan.server);
    if (!view)
      return {
        problem: `there is no server ${String(plan.server)}; there are ${this.#options
          .servers()
          .map(({ name }) => name)
          .join(', ')}`,
      };
    const before = await this.#read(plan.server);
    const running = before && !isOver(before.value) ? before.value : null;
    const begun = beginRollout(
      plan,
      { backends: view.backends, running },
      randomUUID().slice(0, 8),
      this.#options.now(),
    );
    if ('problem' in begun) return begun;
    const { minSessions } = begun.rollout.plan,
      { isCounted } = this.#options;
    if (!isCounted && minSessions > 0)
      return {
        problem: `a step is to see ${minSessions} new session(s), and without Redis (SESSION_STORE=memory) nobody counts them: use SESSION_STORE=redis, or minSessions 0 (--min-sessions 0) to move on by time, health and the tools’ contract alone`,
      };
    return this.#write(plan.server, begun.rollout, before?.revision ?? 0, null, [
      {
        kind: 'rollout.started',
        level: isCounted ? 'info' : 'warning',
        message: `${plan.server} ${begun.rollout.plan.from} → ${begun.rollout.plan.to}: ${begun.rollout.plan.strategy} ${begun.rollout.steps.join(' → ')} % started${isCounted ? '' : '; without Redis nobody counts, so errors, p99, initialize and recoveries are not judged'}`,
        by,
      },
    ]);
  }

  async command(server: string, command: RolloutCommand, by?: string): Promise<RolloutAnswer> {
    // A leader may write at the same moment: look again and decide again.
    for (let attempt = 0; attempt < 10; attempt++) {
      const before = await this.#read(server);
      if (!before) return { problem: `there is no rollout of ${server}` };
      const done = commandRollout(before.value, command, this.#options.now());
      if ('problem' in done) return done;
      const written = await this.#write(server, done.rollout, before.revision, null, told(done.news, by));
      if ('rollout' in written) return written;
    }
    return { problem: `the rollout of ${server} changes too quickly; try again` };
  }

  /** Forgets a rollout that is over: the configured weights are in force again. */
  async clear(server: string, by?: string): Promise<{ problem: string } | null> {
    const before = await this.#read(server);
    if (!before) return { problem: `there is no rollout of ${server}` };
    if (!isOver(before.value)) return { problem: `the rollout of ${server} is under way: promote or abort it first` };
    if ((await this.#options.state.write(REDIS.rollout(server), undefined, before.revision, null)) !== 'ok')
      return { problem: `the rollout of ${server} changed meanwhile; look again` };
    this.#known.delete(server);
    this.#options.events.append({
      kind: 'rollout.cleared',
      server,
      message: `${server}: the configured weights are in force again`,
      by,
    });
    this.#tellIfChanged();
    return null;
  }

  /** How the tools of two backends differ; null while one of the lists is not known. */
  contract(server: string, from: string, to: string): ContractChange[] | null {
    const tools = (name: string) => this.#view(server)?.backends.find((each) => each.name === name)?.tools ?? null;
    const before = tools(from),
      after = tools(to);
    return before && after ? contractDiff(before, after) : null;
  }

  /** Looks at every server once: follows what others wrote and, as the leader, moves on. Never rejects. */
  tick(): Promise<void> {
    this.#ticking ??= Promise.all(
      this.#options.servers().map(({ name }) =>
        // While the state can't be reached, what was known stays.
        this.#look(name).catch(bugsOnly(this.#options.onError)),
      ),
    )
      .then(() => {
        this.#tellIfChanged();
      })
      .finally(() => {
        this.#ticking = null;
      });
    return this.#ticking;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#ticking;
  }

  async #look(server: string): Promise<void> {
    const before = await this.#read(server);
    if (!before || isOver(before.value) || !this.#options.lease.isLeader) return;
    const { plan } = before.value;
    const { from = null, to = null } = this.#healthy(server, before.value) ?? {};
    if (from === null || to === null) return;
    const slo = await this.#options.slo(server).catch(() => null);
    const input: RolloutInput = {
      now: this.#options.now(),
      healthy: { from, to },
      contract: this.contract(server, plan.from, plan.to),
      counters: slo && { from: slo.counters.get(plan.from) ?? NONE, to: slo.counters.get(plan.to) ?? NONE },
    };
    const { rollout, news } = advanceRollout(before.value, input);
    if (JSON.stringify(rollout) !== JSON.stringify(before.value))
      await this.#write(server, rollout, before.revision, this.#options.lease.token, news);
  }

  async #read(server: string): Promise<(Versioned & { value: Rollout }) | null> {
    const found = await this.#options.state.read(REDIS.rollout(server));
    const value = found && rolloutSchema.safeParse(found.value).data;
    if (!found || !value) {
      this.#known.delete(server);
      return null;
    }
    const known = { value, revision: found.revision };
    this.#known.set(server, known);
    return known;
  }

  async #write(
    server: string,
    rollout: Rollout,
    revision: number,
    token: number | null,
    news: (RolloutNews & { by?: string | undefined })[],
  ): Promise<RolloutAnswer> {
    const result = await this.#options.state.write(REDIS.rollout(server), rollout, revision, token);
    if (result !== 'ok') return { problem: `the rollout of ${server} changed meanwhile; look again` };
    this.#known.set(server, { value: rollout, revision: revision + 1 });
    for (const { kind, level, message, by } of news)
      this.#options.events.append({
        kind,
        level,
        message,
        by,
        server,
        subject: rollout.plan.to,
        data: { rollout: rollout.id },
      });
    this.#tellIfChanged();
    return { rollout };
  }

  #tellIfChanged(): void {
    const shown = JSON.stringify([
      [...this.weights()].map(([server, weights]) => [server, [...weights]]),
      this.recalls(),
    ]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#options.onChange();
  }

  #view(server: string): ServerView | undefined {
    return this.#options.servers().find(({ name }) => name === server);
  }

  /** undefined when one of the backends left the configuration: the rollout has no say any more. */
  #healthy(server: string, { plan }: Rollout): { from: number | null; to: number | null } | undefined {
    const of = (name: string) => this.#view(server)?.backends.find((each) => each.name === name)?.healthy;
    const from = of(plan.from),
      to = of(plan.to);
    return from === undefined || to === undefined ? undefined : { from, to };
  }
}

const NONE = noCounters();

const told = (news: readonly RolloutNews[], by: string | undefined) => news.map((each) => ({ ...each, by }));
